#include "data/masks/mask_pairs.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "data/loader.h"
#include "data/masks/layouts.h"
#include "data/masks/transform.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::data {
namespace {

using cambium::test::says;
using cambium::test::sentence;

io::Image picture(int64_t width, int64_t height, int64_t number = 1) {
  io::Image image(width, height, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(i * static_cast<size_t>(3 + number));
  return image;
}

// The left third is foreground.
io::Image mask(int64_t width, int64_t height, uint8_t foreground = 255) {
  io::Image image(width, height, 1);
  for (int64_t y = 0; y < height; ++y) std::fill_n(image.row(y), width / 3, foreground);
  return image;
}

class Masks : public testing::Test {
 protected:
  std::filesystem::path root() const { return folder_.path(); }
  void picture_at(const std::string& name, int64_t width = 12, int64_t height = 9) {
    io::save_image(root() / name, picture(width, height));
  }
  void mask_at(const std::string& name, int64_t width = 12, int64_t height = 9, uint8_t foreground = 255) {
    io::save_image(root() / name, mask(width, height, foreground));
  }
  void pair_at(const std::string& images, const std::string& masks, const std::string& stem) {
    picture_at(images + "/" + stem + ".jpg");
    mask_at(masks + "/" + stem + ".png");
  }
  MaskSetOptions folders() const { return {.root = root(), .images = "images", .masks = "masks"}; }
  MaskSetOptions layout(const std::string& name, const std::string& split) const {
    return {.layout = name, .root = root(), .split = split};
  }
  cambium::test::TemporaryDirectory folder_;
};

std::vector<std::string> names(const MaskPairs& pairs) {
  std::vector<std::string> out;
  for (const MaskPair& pair : pairs.pairs()) out.push_back(pair.name);
  return out;
}

using Names = std::vector<std::string>;

TEST_F(Masks, PairsByStemAndReadsLazily) {
  for (const char* stem : {"b", "a", "c"}) pair_at("images", "masks", stem);
  write_file(root() / "images/readme.txt", "no picture");
  write_file(root() / "images/.hidden.jpg", "");
  const auto set = open_mask_set(folders());
  EXPECT_EQ(names(*set), (Names{"a", "b", "c"}));
  const Sample sample = set->get(1);
  EXPECT_EQ(sample.key, "b");
  EXPECT_EQ(sample.mask, read_file(root() / "masks/b.png"));
  const MaskedImage pair = decode_pair(sample, set->options());
  EXPECT_EQ(pair.image.channels, 3);
  EXPECT_EQ(pair.mask.pixels, mask(12, 9).pixels);
}

TEST_F(Masks, EveryFaultIsListedAtOnce) {
  for (const char* stem : {"fine", "size", "blank", "grey", "torn", "nothing"}) pair_at("images", "masks", stem);
  picture_at("images/alone.jpg");
  mask_at("masks/widow.png");
  mask_at("masks/size.png", 12, 8);
  mask_at("masks/blank.png", 12, 9, 0);
  io::save_image(root() / "masks/grey.png", picture(12, 9));
  write_file(root() / "images/torn.jpg", read_file(root() / "images/torn.jpg").substr(0, 80));
  write_file(root() / "masks/nothing.png", "");
  const std::string said = sentence([&] { open_mask_set(folders()); });
  EXPECT_TRUE(says(said,
                   "images: 7 faults: alone.jpg: has no mask, widow.png: is a mask without a picture, blank.png: has "
                   "no foreground"));
  EXPECT_TRUE(says(said, "grey.png: is not binary: "));
  EXPECT_TRUE(says(said, "nothing.png: the file is empty"));
  EXPECT_TRUE(says(said, "size.png: is 12 x 8, but size.jpg is 12 x 9"));
  EXPECT_TRUE(says(said, "torn.jpg: the JPEG data is cut short"));
  EXPECT_TRUE(says(said, "skip_faulty: true"));
}

TEST_F(Masks, FaultyPairsMayBeLeftOut) {
  pair_at("images", "masks", "fine");
  pair_at("images", "masks", "blank");
  mask_at("masks/blank.png", 12, 9, 0);
  MaskSetOptions options = folders();
  options.skip_faulty = true;
  EXPECT_EQ(names(*open_mask_set(options)), Names{"fine"});
  options = folders();
  options.mask.empty_masks = true;
  EXPECT_EQ(open_mask_set(options)->size(), 2);
}

TEST_F(Masks, ByIndexNamesAreNotCompared) {
  picture_at("images/a.jpg");
  picture_at("images/b.jpg");
  mask_at("masks/x.png");
  mask_at("masks/y.png");
  EXPECT_TRUE(says(sentence([&] { open_mask_set(folders()); }),
                   "4 faults: a.jpg: has no mask, b.jpg: has no mask, x.png: is a mask"));
  MaskSetOptions options = folders();
  options.pairing = Pairing::index;
  const auto set = open_mask_set(options);
  EXPECT_EQ(names(*set), (Names{"a", "b"}));
  EXPECT_EQ(set->pairs()[1].mask.filename(), "y.png");
  mask_at("masks/z.png");
  EXPECT_TRUE(says(sentence([&] { open_mask_set(options); }), "z.png: is a mask without a picture at its place"));
}

TEST_F(Masks, SuffixesAndPatterns) {
  picture_at("images/a_sat.jpg");
  mask_at("masks/a_mask.png");
  picture_at("images/b_sat.jpg");
  mask_at("masks/b_mask.png");
  MaskSetOptions options = folders();
  options.image_suffix = "_sat";
  options.mask_suffix = "_mask";
  EXPECT_EQ(names(*open_mask_set(options)), (Names{"a", "b"}));
  options.only = "b*";
  EXPECT_EQ(names(*open_mask_set(options)), Names{"b"});
  options.only = "q*";
  EXPECT_TRUE(says(sentence([&] { open_mask_set(options); }), "holds no picture with a mask"));
}

TEST_F(Masks, OneStemTwice) {
  pair_at("images", "masks", "a");
  picture_at("images/a.png");
  EXPECT_TRUE(says(sentence([&] { open_mask_set(folders()); }), "a.png: shares its name with a.jpg"));
}

TEST_F(Masks, WrongFoldersAndOptions) {
  picture_at("images/a.jpg");
  EXPECT_TRUE(says(sentence([&] { open_mask_set(folders()); }), "masks: does not exist"));
  std::filesystem::create_directory(root() / "masks");
  EXPECT_TRUE(says(sentence([&] { open_mask_set(folders()); }), "masks: holds no pictures"));
  EXPECT_TRUE(says(sentence([&] { open_mask_set({.images = "images"}); }), "needs both images and masks"));
  EXPECT_TRUE(says(sentence([&] { open_mask_set({.layout = "cod"}); }), "choose folders, camouflage, shadow or polyp"));
  EXPECT_TRUE(says(sentence([&] { open_mask_set({.layout = "shadow"}); }), "needs its folder"));
  EXPECT_TRUE(says(sentence([&] { open_mask_set(layout("shadow", "val")); }), "\"val\" is no split"));
  MaskSetOptions elsewhere = layout("shadow", "train");
  elsewhere.root = root() / "images";
  const auto complaint = [&](const std::string& name) {
    elsewhere.layout = name;
    return sentence([&] { open_mask_set(elsewhere); });
  };
  EXPECT_TRUE(says(complaint("shadow"), "there is no train/*_A with train/*_B"));
  EXPECT_TRUE(says(complaint("camouflage"), "TrainDataset/Imgs with TrainDataset/GT"));
  EXPECT_TRUE(says(complaint("polyp"), "there is no images with masks"));
  elsewhere.root = root() / "nowhere";
  EXPECT_TRUE(says(complaint("polyp"), "is not a folder that exists"));
}

TEST_F(Masks, CombinedCamouflage) {
  pair_at("TrainDataset/Imgs", "TrainDataset/GT", "t");
  pair_at("TestDataset/CAMO/Imgs", "TestDataset/CAMO/GT", "c");
  pair_at("TestDataset/COD10K/Imgs", "TestDataset/COD10K/GT", "d");
  EXPECT_EQ(names(*open_mask_set(layout("camouflage", "train"))), Names{"t"});
  EXPECT_EQ(names(*open_mask_set(layout("camouflage", "test"))), (Names{"CAMO/c", "COD10K/d"}));
  MaskSetOptions options = layout("camouflage", "test");
  options.subsets = {"COD10K"};
  const auto sets = open_mask_sets(options);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].name, "COD10K");
  options.subsets = {"NC4K"};
  EXPECT_TRUE(says(sentence([&] { open_mask_sets(options); }), "there is no set \"NC4K\"; there are CAMO, COD10K"));
}

TEST_F(Masks, CamouflageSetsAsTheirAuthorsPackThem) {
  pair_at("CAMO/Images/Train", "CAMO/GT", "a");
  pair_at("CAMO/Images/Test", "CAMO/GT", "b");  // one folder of masks for both splits
  pair_at("COD10K/Train/Image", "COD10K/Train/GT_Object", "k");
  pair_at("COD10K/Test/Image", "COD10K/Test/GT_Object", "l");
  pair_at("CHAMELEON/Imgs", "CHAMELEON/GT", "m");
  EXPECT_EQ(names(*open_mask_set(layout("camouflage", "train"))), (Names{"CAMO/a", "COD10K/k"}));
  EXPECT_EQ(names(*open_mask_set(layout("camouflage", "test"))), (Names{"CAMO/b", "CHAMELEON/m", "COD10K/l"}));
  MaskSetOptions one = layout("camouflage", "test");
  one.root = root() / "CAMO";
  EXPECT_EQ(names(*open_mask_set(one)), Names{"b"});
}

TEST_F(Masks, ShadowLayout) {
  pair_at("train/train_A", "train/train_B", "1-1");
  pair_at("test/test_A", "test/test_B", "2-1");
  picture_at("train/train_C/1-1.png");
  EXPECT_EQ(names(*open_mask_set(layout("shadow", "train"))), Names{"1-1"});
  EXPECT_EQ(names(*open_mask_set(layout("shadow", "test"))), Names{"2-1"});
}

TEST_F(Masks, PolypMasksAreGreyJpegs) {
  for (int64_t i = 0; i < 6; ++i) {
    const std::string stem = "k" + std::to_string(i);
    picture_at("images/" + stem + ".jpg", 48, 40);
    mask_at("masks/" + stem + ".jpg", 48, 40);
  }
  MaskSetOptions options = layout("polyp", "test");
  options.held_out = 2;
  const Names test = names(*open_mask_set(options));
  options.split = "train";
  const auto train = open_mask_set(options);
  EXPECT_EQ(test.size(), 2u);
  EXPECT_EQ(train->size(), 4);
  for (const auto& name : names(*train)) EXPECT_EQ(std::count(test.begin(), test.end(), name), 0);
  const MaskedImage pair = decode_pair(train->get(0), train->options());
  EXPECT_EQ(pair.mask.pixels, mask(48, 40).pixels);
  options.held_out = 6;
  EXPECT_TRUE(says(sentence([&] { open_mask_set(options); }), "holds 6 pictures, of which 6 are to be held out"));

  write_file(root() / "val.txt", "k3.jpg\r\nk5\n\n");
  options.split = "test";
  EXPECT_EQ(names(*open_mask_set(options)), (Names{"k3", "k5"}));
  options.split = "all";
  EXPECT_EQ(open_mask_set(options)->size(), 6);
}

TEST_F(Masks, StreamGoesOnWhereItStopped) {
  for (int64_t i = 0; i < 7; ++i) pair_at("images", "masks", std::string(1, static_cast<char>('a' + i)));
  const auto set = open_mask_set(folders());
  const MaskTransformOptions transform_options{.size = 8};
  const auto loader = [&](int64_t threads) {
    return Loader<MaskItem>(set,
                            [&](Sample&& sample, Rng& rng) {
                              return transform(decode_pair(sample, set->options()), transform_options, rng);
                            },
                            {.stream = {.seed = 5}, .batch_size = 3, .threads = threads});
  };
  Loader<MaskItem> first = loader(0);
  first.next();
  const auto position = first.state();
  Loader<MaskItem> second = loader(2);
  second.restore(position);
  for (int i = 0; i < 4; ++i) {
    const MaskBatch a = collate(*first.next()), b = collate(*second.next());
    EXPECT_EQ(a.names, b.names);
    EXPECT_TRUE(at::equal(a.images, b.images));
    EXPECT_TRUE(at::equal(a.masks, b.masks));
  }
}

TEST_F(Masks, AnotherSetRefusesAPosition) {
  pair_at("images", "masks", "a");
  pair_at("images", "masks", "b");
  const auto set = open_mask_set(folders());
  EXPECT_EQ(set->fingerprint(), open_mask_set(folders())->fingerprint());
  EXPECT_NE(set->fingerprint(), MaskPairs(set->source(), {set->pairs()[0]}).fingerprint());
}

}  // namespace
}  // namespace cambium::data
