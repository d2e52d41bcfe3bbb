#include "systems/sam_adapter/eval/evaluation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/masks/layouts.h"
#include "io/image_tensor.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"
#include "systems/sam_adapter/eval/outputs.h"
#include "systems/sam_adapter/eval/page.h"

namespace cambium::systems::sam_adapter {
namespace {

using cambium::test::says;
using cambium::test::sentence;

io::Image rectangle(int64_t width, int64_t height, int64_t right, uint8_t value = 255) {
  io::Image image(width, height, 1);
  for (int64_t y = height / 4; y < height / 2; ++y) std::fill_n(image.row(y), right, value);
  return image;
}

class Evaluation : public testing::Test {
 protected:
  void SetUp() override {
    Progress::set_quiet(true);
    log::set_level(log::Level::off);
    for (const char* stem : {"a", "b", "c"}) {
      save(std::string("masks/") + stem + ".png", rectangle(40, 32, 20));
      save(std::string("predictions/") + stem + ".png", rectangle(40, 32, 10 + 5 * (stem[0] - 'a')));
    }
  }
  void TearDown() override {
    Progress::set_quiet(false);
    log::set_level(log::Level::info);
  }
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  void save(const std::string& name, const io::Image& image) const { io::save_image(at(name), image); }
  PredictionFolders folders() const { return {.predictions = at("predictions"), .masks = at("masks")}; }
  std::string complaint(const PredictionFolders& from) const {
    return sentence([&] { PredictionSet(from).evaluate({}); });
  }
  cambium::test::TemporaryDirectory folder_;
};

TEST_F(Evaluation, ScoresEveryPicture) {
  PredictionSet set(folders());
  const ScoredSet scored = set.evaluate({.compat = true, .threads = 3});
  EXPECT_EQ(scored.name, "predictions");
  ASSERT_EQ(scored.images.size(), 3u);
  EXPECT_DOUBLE_EQ(scored.images[0].scores.iou, 0.5);
  EXPECT_DOUBLE_EQ(scored.images[1].scores.iou, 0.75);
  EXPECT_DOUBLE_EQ(scored.images[2].scores.iou, 1);
  EXPECT_DOUBLE_EQ(scored.summary.iou, 0.75);
  ASSERT_TRUE(scored.compat.has_value());
  EXPECT_NE(scored.compat->weighted_f, scored.summary.weighted_f);  // another beta
}

TEST_F(Evaluation, EveryFaultIsListedAtOnce) {
  save("masks/d.png", rectangle(40, 32, 20));
  EXPECT_TRUE(says(complaint(folders()), "d.png: is a mask without a prediction"));
  save("predictions/d.png", rectangle(40, 30, 20));
  io::Image grey(40, 32, 1);
  for (size_t i = 0; i < grey.pixels.size(); ++i) grey.pixels[i] = static_cast<uint8_t>(i);
  save("masks/b.png", grey);
  write_file(at("predictions/c.png"), "");
  const std::string said = complaint(folders());
  EXPECT_TRUE(says(said, "3 faults: b.png: is not binary: "));
  EXPECT_TRUE(says(said, "c.png: the file is empty"));
  EXPECT_TRUE(says(said, "d.png: is 40 x 30, but its mask d.png is 40 x 32"));
  PredictionFolders patient = folders();
  patient.skip_faulty = true;
  EXPECT_EQ(PredictionSet(patient).evaluate({}).images.size(), 1u);
  patient = folders();
  patient.resize = patient.grey_masks = true;
  EXPECT_TRUE(says(complaint(patient), "predictions: c.png: the file is empty"));
}

TEST_F(Evaluation, EmptyAndWrongFolders) {
  std::filesystem::create_directory(at("nothing"));
  PredictionFolders wrong = folders();
  wrong.predictions = at("nothing");
  EXPECT_TRUE(says(complaint(wrong), "nothing: holds no pictures"));
  wrong.predictions = at("nowhere");
  EXPECT_TRUE(says(complaint(wrong), "nowhere: does not exist"));
  wrong.predictions.clear();
  EXPECT_TRUE(says(complaint(wrong), "--predictions"));
}

TEST_F(Evaluation, GreyJpegMasksAreCut) {
  for (const char* stem : {"a", "b", "c"}) {
    std::filesystem::remove(at(std::string("masks/") + stem + ".png"));
    save(std::string("masks/") + stem + ".jpg", rectangle(40, 32, 20));
  }
  EXPECT_DOUBLE_EQ(PredictionSet(folders()).evaluate({}).summary.iou, 0.75);
}

TEST_F(Evaluation, PredictionsOfZerosAndOnes) {
  for (const char* stem : {"a", "b", "c"}) save(std::string("predictions/") + stem + ".png", rectangle(40, 32, 20, 1));
  PredictionSet set(folders());
  EXPECT_DOUBLE_EQ(set.evaluate({}).summary.iou, 1);
  EXPECT_EQ(set.load(0).prediction.pixels, rectangle(40, 32, 20).pixels);
}

TEST_F(Evaluation, AModelIsScoredAtTheMasksOwnSize) {
  for (const char* stem : {"a", "b", "c"})
    save(std::string("images/") + stem + ".png", io::to_rgb(rectangle(40, 32, 15)));
  const auto pairs = data::open_mask_set({.images = at("images").string(), .masks = at("masks").string()});
  std::vector<std::string> seen;
  const MaskPredictor predict = [&](const data::MaskedImage& pair) {
    seen.push_back(pair.name);
    const at::Tensor red = io::to_unit_float(io::to_tensor(pair.image)[0]);
    return PredictedMask{.probability = red, .at_input = at::zeros({8, 8})};
  };
  const ScoredSet scored = evaluate_model("set", *pairs, predict, {.compat = true});
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_DOUBLE_EQ(scored.summary.iou, 0.75);
  EXPECT_EQ(scored.compat->dice, 0);  // nothing found at the network's size
  const MaskPredictor broken = [](const data::MaskedImage&) { return PredictedMask{.probability = at::zeros({3, 3})}; };
  EXPECT_TRUE(
      says(sentence([&] { evaluate_model("set", *pairs, broken); }), "bring the prediction to the mask's size"));
}

TEST_F(Evaluation, TablesAndFiles) {
  save("masks/q,\"1\".png", io::Image(40, 32, 1));
  save("predictions/q,\"1\".png", rectangle(40, 32, 3));
  PredictionSet set(folders());
  const std::vector<ScoredSet> sets = {set.evaluate({.compat = true})};
  EXPECT_EQ(score_table(sets).rows.size(), 2u);
  const std::string csv = scores_csv(sets);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  EXPECT_TRUE(says(csv, "set,name,width,height,s_measure,"));
  EXPECT_TRUE(says(csv, "predictions,\"q,\"\"1\"\"\",40,32,"));
  const auto json = to_json(sets);
  EXPECT_EQ(json["sets"][0]["images"], 4);
  EXPECT_EQ(json["sets"][0]["images_without_ber"], 1);
  EXPECT_TRUE(json["sets"][0]["compat"]["ber"].is_null());  // one NaN spoils the original's mean
  EXPECT_TRUE(json["sets"][0]["ber"].is_number());
}

ScoredSet of_s(const std::vector<double>& values) {
  ScoredSet set;
  for (const double s : values) {
    set.images.emplace_back();
    set.images.back().scores.s = s;
  }
  return set;
}

TEST(EvaluationPage, BestMiddlingAndWorst) {
  const Selection selection = select_by_s(of_s({.1, .9, .5, .3, .7, .2, .8, .4, .6}), 2);
  EXPECT_EQ(selection.best, (std::vector<int64_t>{1, 6}));
  EXPECT_EQ(selection.median, (std::vector<int64_t>{8, 2}));
  EXPECT_EQ(selection.worst, (std::vector<int64_t>{5, 0}));
  for (size_t count = 1; count < 14; ++count) {
    const Selection small = select_by_s(of_s(std::vector<double>(count, 0.5)), 4);
    std::vector<int64_t> all = small.best;
    all.insert(all.end(), small.median.begin(), small.median.end());
    all.insert(all.end(), small.worst.begin(), small.worst.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::unique(all.begin(), all.end()), all.end()) << count;
    EXPECT_EQ(all.size(), std::min<size_t>(count, 12)) << count;
  }
}

TEST(EvaluationPage, StripShowsDifferencesInColour) {
  const Exhibit exhibit{.picture = {}, .mask = rectangle(8, 8, 4), .prediction = rectangle(8, 8, 6)};
  const io::Image strip = exhibit_strip(exhibit, 8);
  EXPECT_EQ(strip.height, 8);
  EXPECT_EQ(strip.width, 3 * 8 + 2 * 4);
  const uint8_t* hit = strip.row(2) + 3 * 24;
  const uint8_t* alarm = strip.row(2) + 3 * 29;
  EXPECT_GT(hit[1], hit[0]);      // green
  EXPECT_GT(alarm[0], alarm[2]);  // orange
}

}  // namespace
}  // namespace cambium::systems::sam_adapter
