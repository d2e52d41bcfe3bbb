#include "models/sam/automatic_masks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam/nms.h"
#include "models/sam/small_regions.h"

namespace cambium::sam {
namespace {

// The cell of a chequered picture that holds the point, once; the other masks of the point are empty.
class Cells : public PointModel {
 public:
  explicit Cells(int64_t cell, float sure = 0.9f) : cell_(cell), sure_(sure) {}
  void set_image(const io::Image& image) override {
    height_ = image.height;
    width_ = image.width;
    ++images;
  }
  Answer predict(const at::Tensor& points) override {
    largest_batch = std::max(largest_batch, points.size(0));
    Answer answer{.logits = at::full({points.size(0), 3, height_, width_}, -10.0).to(at::kFloat),
                  .iou = at::full({points.size(0), 3}, sure_).to(at::kFloat)};
    for (int64_t i = 0; i < points.size(0); ++i) {
      const auto x = static_cast<int64_t>(points[i][0].item<double>()) / cell_ * cell_,
                 y = static_cast<int64_t>(points[i][1].item<double>()) / cell_ * cell_;
      answer.logits[i][1].slice(0, y, y + cell_).slice(1, x, x + cell_).fill_(10);
    }
    return answer;
  }
  int images = 0;
  int64_t largest_batch = 0;

 private:
  int64_t cell_, height_ = 0, width_ = 0;
  float sure_;
};

TEST(AutomaticMasks, FindsEveryCellOnce) {
  Cells model(10);
  const io::Image image(60, 40, 3);
  const auto records = automatic_masks(model, image, {.points_per_side = 12, .points_per_batch = 5});
  ASSERT_EQ(records.size(), 24u);  // 6 x 4
  EXPECT_EQ(model.largest_batch, 5);
  at::Tensor covered = at::zeros({40, 60}, at::kLong);
  for (const auto& record : records) {
    EXPECT_EQ(record.area, 100);
    EXPECT_EQ(record.bbox[2], 9);
    EXPECT_FLOAT_EQ(static_cast<float>(record.predicted_iou), 0.9f);
    covered += io::decode_rle(record.segmentation);
    const auto x = static_cast<int64_t>(record.point[0]), y = static_cast<int64_t>(record.point[1]);
    EXPECT_TRUE(io::decode_rle(record.segmentation)[y][x].item<bool>());
  }
  EXPECT_TRUE((covered == 1).all().item<bool>());
}

TEST(AutomaticMasks, LooksAtCropsAndPrefersThem) {
  Cells model(10);
  const io::Image image(80, 80, 3);
  int64_t done = 0, total = 0;
  const auto records = automatic_masks(
      model, image, {.points_per_side = 8, .crop_n_layers = 1, .crop_overlap_ratio = 0.5}, [&](int64_t a, int64_t b) {
        done = a;
        total = b;
      });
  EXPECT_EQ(model.images, 5);
  EXPECT_EQ(total, 5 * 64);
  EXPECT_EQ(done, total);
  ASSERT_FALSE(records.empty());
  EXPECT_LT(records.front().crop_box[2], 80);
}

TEST(AutomaticMasks, AreNoneWhereNothingPasses) {
  Cells model(10, 0.5f);
  EXPECT_TRUE(automatic_masks(model, io::Image(40, 40, 3), {.points_per_side = 4}).empty());
  EXPECT_TRUE(automatic_masks(model, io::Image(40, 40, 3), {.points_per_side = 4, .crop_n_layers = 1}).empty());
  EXPECT_FALSE(automatic_masks(model, io::Image(40, 40, 3), {.points_per_side = 4, .pred_iou_thresh = 0}).empty());
}

TEST(AutomaticMasks, TakesGridsOfItsOwn) {
  Cells model(10);
  const auto records =
      automatic_masks(model, io::Image(40, 40, 3), {.point_grids = {at::tensor({0.6, 0.1}, at::kDouble).view({1, 2})}});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bbox, (std::array<int64_t, 4>{20, 0, 9, 9}));
}

TEST(AutomaticMasks, SurvivesPicturesOfOnePixel) {
  Cells model(1);
  const auto records = automatic_masks(model, io::Image(1, 1, 3), {.points_per_side = 2, .crop_n_layers = 2});
  ASSERT_FALSE(records.empty());  // boxes without an area suppress none
  for (const auto& record : records) EXPECT_EQ(record.area, 1);
}

TEST(AutomaticMasks, RefusesOptionsThatMakeNoSense) {
  Cells model(10);
  const io::Image image(40, 40, 3);
  EXPECT_THROW(automatic_masks(model, image, {.points_per_side = 0}), UsageError);
  EXPECT_THROW(automatic_masks(model, image, {.points_per_batch = 0}), UsageError);
  EXPECT_THROW(automatic_masks(model, image, {.crop_n_layers = -1}), UsageError);
  EXPECT_THROW(automatic_masks(model, image, {.crop_overlap_ratio = 1}), UsageError);
  EXPECT_THROW(automatic_masks(model, image, {.crop_n_layers = 1, .point_grids = {point_grid(2)}}), UsageError);
  EXPECT_THROW(automatic_masks(model, image, {.point_grids = {at::ones({2, 3}, at::kDouble)}}), UsageError);
  EXPECT_THROW(automatic_masks(model, io::Image()), Error);
}

TEST(Nms, KeepsTheBestAndTheFirstOfEquals) {
  const std::vector<ScoredBox> boxes = {
      {0, 0, 10, 10, 0.5f}, {0, 0, 10, 10, 0.5f}, {0, 0, 10, 8, 0.9f}, {20, 20, 20, 20, 0.1f}, {20, 20, 20, 20, 0.2f}};
  EXPECT_EQ(nms(boxes, 0.7), (std::vector<int64_t>{2, 4, 3}));  // empty boxes suppress nothing
  EXPECT_EQ(nms(boxes, 0.8), (std::vector<int64_t>{2, 4, 3}));  // 80 / 100 is above 0.8 in float32
  EXPECT_EQ(nms(boxes, 1.0), (std::vector<int64_t>{2, 0, 1, 4, 3}));
  EXPECT_TRUE(nms({}, 0.5).empty());
}

TEST(SmallRegions, AreJoinedDiagonally) {
  std::vector<uint8_t> mask = {1, 0, 0, 0,  //
                               0, 1, 0, 0,  //
                               0, 0, 0, 1};
  EXPECT_FALSE(remove_small_regions(mask, 3, 4, 1, SmallRegions::islands));
  EXPECT_TRUE(remove_small_regions(mask, 3, 4, 2, SmallRegions::islands));
  EXPECT_EQ(mask, (std::vector<uint8_t>{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(remove_small_regions(mask, 3, 4, 100, SmallRegions::islands));  // the largest stays
  EXPECT_EQ(mask[0] + mask[5], 2);
  EXPECT_TRUE(remove_small_regions(mask, 3, 4, 100, SmallRegions::holes));
  EXPECT_EQ(mask, std::vector<uint8_t>(12, 1));
}

}  // namespace
}  // namespace cambium::sam
