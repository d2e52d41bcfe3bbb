#include "metrics/segmentation/classes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/sentence.h"

namespace cambium::metrics {
namespace {

using cambium::test::says;
using cambium::test::sentence;

at::Tensor labels(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

TEST(ClassConfusion, CountsByHandOverTheSet) {
  ClassConfusion set(4);
  set.add(labels({0, 0, 1, 1}), labels({0, 1, 1, 255}));
  ClassConfusion more(4);
  more.add(labels({2, 0}), labels({2, 2}));
  set += more;
  const ClassScores scores = set.scores();
  EXPECT_EQ(scores.pixels, 5);
  EXPECT_DOUBLE_EQ(scores.pixel_accuracy, 3.0 / 5);
  EXPECT_DOUBLE_EQ(scores.iou[0], 1.0 / 3);  // right once, and taken twice for 1 and 2
  EXPECT_DOUBLE_EQ(scores.iou[1], 0.5);
  EXPECT_DOUBLE_EQ(scores.iou[2], 0.5);
  EXPECT_TRUE(std::isnan(scores.iou[3]));
  EXPECT_DOUBLE_EQ(scores.mean_iou, (1.0 / 3 + 1) / 3);
  EXPECT_DOUBLE_EQ(scores.dice[1], 2.0 / 3);
}

TEST(ClassConfusion, SharesOfASetAreSummedInPlace) {
  ClassConfusion first(3), second(3), whole(3);
  const at::Tensor prediction = labels({0, 2, 1, 1}), mask = labels({0, 1, 1, 2});
  first.add(prediction.narrow(0, 0, 2), mask.narrow(0, 0, 2));
  second.add(prediction.narrow(0, 2, 2), mask.narrow(0, 2, 2));
  whole.add(prediction, mask);
  first.counts().add_(second.counts());
  EXPECT_TRUE(at::equal(first.counts(), whole.counts()));
  EXPECT_EQ(first.counts()[1][2].item<int64_t>(), 1);  // truly 1, taken for 2
  EXPECT_EQ(first.scores().iou, whole.scores().iou);
  EXPECT_EQ(first.scores().pixels, 4);
}

TEST(ClassConfusion, BadInput) {
  ClassConfusion set(2);
  EXPECT_TRUE(says(sentence([&] { set.add(labels({0}), labels({2})); }),
                   "the mask holds the label 2, but there are 2 classes"));
  EXPECT_TRUE(says(sentence([&] { set.add(labels({3}), labels({1})); }), "the prediction holds the label 3"));
  EXPECT_TRUE(says(sentence([&] { set.add(labels({0, 1}), labels({1})); }), "different sizes"));
  EXPECT_TRUE(says(sentence([&] { set.scores(); }), "no pixel was judged"));
  EXPECT_TRUE(says(sentence([] { ClassConfusion{1}; }), "must be 2 to 255"));
  EXPECT_TRUE(says(sentence([&] { set += ClassConfusion(3); }), "cannot be added"));
}

}  // namespace
}  // namespace cambium::metrics
