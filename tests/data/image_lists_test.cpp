#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/log.h"
#include "data/annotations.h"
#include "data/caption_folder.h"
#include "data/labelled.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::data {
namespace {

using cambium::test::says;
using cambium::test::sentence;
using Words = std::vector<std::string>;

class Lists : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& bytes) {
    write_file(folder_.path() / name, bytes);
    return folder_.path() / name;
  }
  std::filesystem::path at(const std::string& name) { return folder_.path() / name; }
  cambium::test::TemporaryDirectory folder_;
};

class CaptionFolder : public Lists {
 protected:
  void SetUp() override {
    file("a.jpg", "A");
    file("sub/b.png", "B");
  }
  std::string complaint(const std::string& table, CaptionFolderOptions options = {}) {
    options.table = file("t.csv", table);
    return sentence([&] { open_caption_folder(folder_.path(), options); });
  }
};

TEST_F(CaptionFolder, RowsOfOnePictureAreItsCaptions) {
  file("captions.csv", "image,caption\na.jpg,\"a cat, asleep\"\nsub/b.png,dog\na.jpg, second \n");
  const auto list = open_caption_folder(folder_.path());
  ASSERT_EQ(list->size(), 2);
  const Sample cat = list->get(0);
  EXPECT_EQ(cat.key, "a.jpg");
  EXPECT_EQ(cat.image, "A");
  EXPECT_EQ(cat.captions, (Words{"a cat, asleep", "second"}));
  EXPECT_EQ(list->get(1).image, "B");
  EXPECT_EQ(list->get(1).index, 1);
}

TEST_F(CaptionFolder, OtherTablesAndColumns) {
  file("metadata.jsonl", R"({"file_name": "a.jpg", "text": "x"})");
  EXPECT_EQ(
      open_caption_folder(folder_.path(), {.image_column = "file_name", .caption_column = "text"})->get(0).captions,
      Words{"x"});
  const auto elsewhere = file("tables/t.tsv", "caption\timage\nx\tsub/b.png\n");
  EXPECT_EQ(open_caption_folder(folder_.path(), {.table = elsewhere})->get(0).image, "B");
}

TEST_F(CaptionFolder, FurtherColumns) {
  file("captions.jsonl", R"({"image": "a.jpg", "name": "ant", "keywords": ["bug", " insect ", ""], "group": "nature"}
{"image": "a.jpg", "name": "the ant", "group": "nature"})");
  const auto list =
      open_caption_folder(folder_.path(), {.caption_column = "name", .extra_columns = {"keywords", "group"}});
  const Sample sample = list->get(0);
  EXPECT_EQ(sample.captions, (Words{"ant", "the ant"}));
  EXPECT_EQ(sample.extra, (std::vector<Words>{{"bug", "insect"}, {"nature"}}));
  EXPECT_TRUE(says(
      sentence([&] { open_caption_folder(folder_.path(), {.caption_column = "name", .extra_columns = {"keyword"}}); }),
      "no row has a text in 'keyword'"));
}

TEST_F(CaptionFolder, AllFaultsAreListedAtOnce) {
  const std::string table =
      "image,caption\na.jpg,fine\nmissing.jpg,x\na.jpg,\n,x\na.jpg\na.jpg,caf\xE9\nsub,x\nempty.jpg,x\n";
  file("empty.jpg", "");
  const std::string said = complaint(table);
  EXPECT_TRUE(says(said, "t.csv: 7 faults: line 3: no picture '"));
  EXPECT_TRUE(says(said, "line 4: the caption is empty"));
  EXPECT_TRUE(says(said, "line 5: the picture's path is empty"));
  EXPECT_TRUE(says(said, "line 6: has 1 cells, not 2"));
  EXPECT_TRUE(says(said, "line 7: is not UTF-8"));
  EXPECT_TRUE(says(said, "sub' is not a file"));
  EXPECT_TRUE(says(said, "empty.jpg' is empty"));
  log::set_level(log::Level::off);
  const auto list = open_caption_folder(folder_.path(), {.table = at("t.csv"), .skip_damaged = true});
  log::set_level(log::Level::info);
  EXPECT_EQ(list->size(), 1);
  EXPECT_EQ(list->get(0).captions, Words{"fine"});
}

TEST_F(CaptionFolder, ManyFaultsAreCounted) {
  std::string table = "image,caption\n";
  for (int i = 0; i < 25; ++i) table += "a.jpg,\n";
  const std::string said = complaint(table);
  EXPECT_TRUE(says(said, "25 faults"));
  EXPECT_TRUE(says(said, "line 11: the caption is empty, and 15 more;"));
}

TEST_F(CaptionFolder, WrongLayouts) {
  EXPECT_TRUE(says(sentence([&] { open_caption_folder(folder_.path()); }), "holds no captions.csv"));
  EXPECT_TRUE(says(sentence([&] { open_caption_folder(at("none")); }), "none: does not exist"));
  EXPECT_TRUE(says(sentence([&] { open_caption_folder(at("a.jpg")); }), "a.jpg: is not a folder"));
  EXPECT_TRUE(says(complaint("image,caption\n"), "holds no pictures"));
  EXPECT_TRUE(says(complaint(""), "is empty"));
  EXPECT_TRUE(says(complaint("picture,caption\n"), "has no column 'image', only picture, caption"));
}

TEST_F(CaptionFolder, AVanishedPictureIsNamedWhenFetched) {
  file("captions.csv", "image,caption\na.jpg,x\n");
  const auto list = open_caption_folder(folder_.path());
  std::filesystem::remove(at("a.jpg"));
  EXPECT_TRUE(says(sentence([&] { list->get(0); }), "a.jpg: cannot open"));
}

TEST_F(Lists, FingerprintsFollowTheContents) {
  file("a/a.jpg", "A");
  file("b/a.jpg", "A");
  const auto fingerprint = [&](const std::string& folder, const std::string& caption) {
    file(folder + "/captions.csv", "image,caption\na.jpg," + caption + "\n");
    return open_caption_folder(at(folder))->fingerprint();
  };
  EXPECT_EQ(fingerprint("a", "x"), fingerprint("b", "x"));
  EXPECT_NE(fingerprint("a", "x"), fingerprint("b", "y"));
}

TEST_F(Lists, ImageFolder) {
  file("d/zebra_finch/2.jpg", "z");
  file("d/ant/deep/1.PNG", "a1");
  file("d/ant/0.webp", "a0");
  file("d/ant/notes.txt", "no picture");
  file("d/README", "no class");
  const auto list = open_image_folder(at("d"));
  EXPECT_EQ(list->class_names(), (Words{"ant", "zebra finch"}));
  ASSERT_EQ(list->size(), 3);
  EXPECT_EQ(list->get(0).key, "ant/0.webp");
  EXPECT_EQ(list->get(1).key, "ant/deep/1.PNG");
  EXPECT_EQ(list->get(1).label, 0);
  EXPECT_EQ(list->get(2).label, 1);

  EXPECT_EQ(open_image_folder(at("d"), file("n.txt", "Ant\nFinch\n"))->class_names(), (Words{"Ant", "Finch"}));
  EXPECT_EQ(open_image_folder(at("d"), file("n.json", R"({"zebra_finch": "Finch", "ant": "Ant", "bee": "Bee"})"))
                ->class_names(),
            (Words{"Ant", "Finch"}));
  EXPECT_TRUE(says(sentence([&] { open_image_folder(at("d"), file("n.txt", "Ant\n")); }),
                   "n.txt: holds 1 names for 2 class folders"));
  EXPECT_TRUE(says(sentence([&] { open_image_folder(at("d"), file("n.json", R"({"ant": "Ant"})")); }),
                   "no name for folder 'zebra_finch'"));
  std::filesystem::create_directory(at("d/empty"));
  EXPECT_TRUE(says(sentence([&] { open_image_folder(at("d")); }), "class folder 'empty' holds no pictures"));
  std::filesystem::create_directory(at("e"));
  EXPECT_TRUE(says(sentence([&] { open_image_folder(at("e")); }), "holds no class folders"));
  EXPECT_TRUE(says(sentence([&] { open_image_folder(at("none")); }), "does not exist"));
}

TEST_F(Lists, ClassNames) {
  EXPECT_EQ(read_class_names(file("n.txt",
                                  "\xEF\xBB\xBF"
                                  "a\r\nb c \n\n")),
            (Words{"a", "b c"}));
  EXPECT_EQ(read_class_names(file("n.json", R"(["b", "a"])")), (Words{"b", "a"}));
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{{"n.txt", ""},
                                                                                   {"n.txt", "a\n\nb\n"},
                                                                                   {"n.txt", "\xFF"},
                                                                                   {"n.json", "{"},
                                                                                   {"n.json", "[]"},
                                                                                   {"n.json", "[1]"},
                                                                                   {"n.json", R"([" "])"},
                                                                                   {"n.json", "3"}}) {
    EXPECT_TRUE(says(sentence([&] { read_class_names(file(name, text)); }), name)) << text;
  }
}

TEST_F(Lists, LabelTables) {
  file("1.png", "x");
  file("2.png", "y");
  const auto names = file("names.txt", "missile\ncat\nmissile\n10\n");
  const auto open = [&](const std::string& rows, const std::filesystem::path& with) {
    return open_label_table(file("t.csv", "path,label\n" + rows), {.names = with});
  };
  const auto sorted = open("1.png,dog\n2.png,cat\n1.png,dog\n", {});
  EXPECT_EQ(sorted->class_names(), (Words{"cat", "dog"}));
  EXPECT_EQ(sorted->size(), 3);
  EXPECT_EQ(sorted->get(0).label, 1);
  // A name before a number: class "10" is the fourth.
  const auto named = open("1.png,cat\n2.png,10\n2.png,0\n", names);
  EXPECT_EQ(named->get(0).label, 1);
  EXPECT_EQ(named->get(1).label, 3);
  EXPECT_EQ(named->get(2).label, 0);
  const auto keyed = open("1.png,n02\n2.png,Cat\n", file("names.json", R"({"n01": "Cat", "n02": "Dog"})"));
  EXPECT_EQ(keyed->get(0).label, 1);
  EXPECT_EQ(keyed->get(1).label, 0);

  const std::string said = sentence([&] { open("1.png,kat\n1.png,4\nnone.png,cat\n1.png,missile\n1.png\n", names); });
  EXPECT_TRUE(says(said, "t.csv: 5 faults: line 6: has 1 cells, not 2"));
  EXPECT_TRUE(says(said, "line 2: no class 'kat' among 4 (nearest: 'cat')"));
  EXPECT_TRUE(says(said, "line 3: no class '4'"));
  EXPECT_TRUE(says(said, "line 4: no picture '"));
  EXPECT_TRUE(says(said, "line 5: two classes are named 'missile'"));
  EXPECT_TRUE(says(sentence([&] { open("", {}); }), "holds no pictures"));
}

TEST_F(Lists, CocoKeepsTheAnnotationsOrderAndAllCaptions) {
  for (const char* name : {"7.jpg", "9.jpg", "11.jpg"}) file(std::string("val/") + name, name);
  const std::string images =
      R"("images": [{"id": 9, "file_name": "9.jpg"}, {"id": 7, "file_name": "7.jpg"}, {"id": 11, "file_name": "11.jpg"}])";
  const auto json = file("captions.json", "{" + images + R"(, "annotations": [
    {"id": 1, "image_id": 7, "caption": "b"}, {"id": 2, "image_id": 9, "caption": "a"}, {"id": 3, "image_id": 7, "caption": "c"}]})");
  const auto list = open_coco_captions(json, at("val"));
  ASSERT_EQ(list->size(), 2);
  EXPECT_EQ(list->get(0).key, "7");
  EXPECT_EQ(list->get(0).image, "7.jpg");
  EXPECT_EQ(list->get(0).captions, (Words{"b", "c"}));
  EXPECT_EQ(list->get(1).captions, Words{"a"});

  const auto complaint = [&](const std::string& text) {
    return sentence([&] { open_coco_captions(file("c.json", text), at("val")); });
  };
  EXPECT_TRUE(says(complaint("{"), "c.json: is not a JSON object"));
  EXPECT_TRUE(says(complaint("{}"), "has no list 'images'"));
  EXPECT_TRUE(says(complaint("{" + images + "}"), "has no list 'annotations'"));
  EXPECT_TRUE(says(complaint("{" + images + R"(, "annotations": []})"), "holds no pictures"));
  EXPECT_TRUE(
      says(complaint("{" + images + R"(, "annotations": [{"image_id": 8, "caption": "x"}, {"image_id": 7}, 3]})"),
           "3 faults: annotations[0]: names the unknown image 8, annotations[1]: has no image_id or caption, "
           "annotations[2]"));
  EXPECT_TRUE(says(complaint(R"({"images": [{"id": 1}], "annotations": []})"), "images[0]: has no id or file_name"));
  EXPECT_TRUE(says(
      complaint(R"({"images": [{"id": 1, "file_name": "no.jpg"}], "annotations": [{"image_id": 1, "caption": "x"}]})"),
      "no picture '"));
  EXPECT_TRUE(says(complaint("{\n\"\xFF\": 1}"), "c.json: line 2: is not UTF-8"));
}

TEST_F(Lists, KarpathySplits) {
  for (const char* name : {"1.jpg", "val2014/2.jpg"}) file(name, name);
  const auto json = file("dataset.json", R"({"images": [
    {"split": "train", "filename": "0.jpg", "sentences": [{"raw": "x"}]},
    {"split": "test", "filename": "1.jpg", "sentences": [{"raw": "a"}, {"raw": "b"}]},
    {"split": "test", "filepath": "val2014", "filename": "2.jpg", "sentences": [{"raw": "c"}]}]})");
  const auto list = open_karpathy_captions(json, folder_.path(), "test");
  ASSERT_EQ(list->size(), 2);
  EXPECT_EQ(list->get(0).captions, (Words{"a", "b"}));
  EXPECT_EQ(list->get(1).image, "val2014/2.jpg");
  EXPECT_TRUE(says(sentence([&] { open_karpathy_captions(json, folder_.path(), "val"); }),
                   "has no split 'val', only test, train"));
  EXPECT_TRUE(says(sentence([&] { open_karpathy_captions(json, folder_.path(), "train"); }), "no picture '"));
  const auto complaint = [&](const std::string& text) {
    return sentence([&] { open_karpathy_captions(file("k.json", text), folder_.path(), "test"); });
  };
  EXPECT_TRUE(says(complaint(R"({"images": [{"split": "test"}]})"), "images[0]: has no split or filename"));
  EXPECT_TRUE(says(complaint(R"({"images": [{"split": "test", "filename": "1.jpg", "sentences": []}]})"),
                   "images[0]: has no sentences"));
  EXPECT_TRUE(says(complaint("[]"), "is not a JSON object"));
}

}  // namespace
}  // namespace cambium::data
