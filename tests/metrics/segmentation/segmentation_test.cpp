#include "metrics/segmentation/segmentation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"
#include "metrics/segmentation/summary.h"
#include "support/sentence.h"

namespace cambium::metrics {
namespace {

using cambium::test::says;
using cambium::test::sentence;

at::Tensor disc(int64_t height, int64_t width, double radius) {
  const at::Tensor y = at::arange(height, at::kDouble).unsqueeze(1) - static_cast<double>(height) / 2;
  const at::Tensor x = at::arange(width, at::kDouble).unsqueeze(0) - static_cast<double>(width) / 2;
  return (y.square() + x.square()) < radius * radius;
}

at::Tensor noise(int64_t height, int64_t width, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  at::Tensor out = at::empty({height, width});
  return uniform_(out, 0, 1, generator);
}

// The definition, pixel by pixel and without shortcuts: an independent check of the streamed implementation.
double weighted_f_by_definition(const at::Tensor& prediction, const at::Tensor& mask, double beta2) {
  const int64_t h = mask.size(0), w = mask.size(1);
  const auto g = mask.accessor<bool, 2>();
  const at::Tensor p64 = prediction.to(at::kDouble);
  const auto p = p64.accessor<double, 2>();
  at::Tensor error = at::zeros({h, w}, at::kDouble), spread = at::zeros({h, w}, at::kDouble),
             weight = at::ones({h, w}, at::kDouble);
  auto e = error.accessor<double, 2>(), et = spread.accessor<double, 2>(), b = weight.accessor<double, 2>();
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      e[y][x] = std::abs(p[y][x] - (g[y][x] ? 1 : 0));
      int64_t best = -1, by = 0, bx = 0;
      for (int64_t c = 0; c < w; ++c) {
        for (int64_t r = 0; r < h; ++r) {
          const int64_t d = (r - y) * (r - y) + (c - x) * (c - x);
          if (g[r][c] && (best < 0 || d < best)) {
            best = d;
            by = r;
            bx = c;
          }
        }
      }
      et[y][x] = std::abs(p[by][bx] - 1);
      if (!g[y][x]) b[y][x] = 2 - std::exp(std::log(0.5) / 5 * std::sqrt(static_cast<double>(best)));
    }
  }
  const at::Tensor axis = at::arange(-3, 4, at::kDouble).square().div(-50).exp();
  at::Tensor kernel = axis.unsqueeze(1) * axis.unsqueeze(0);
  kernel = kernel / kernel.sum();
  const at::Tensor blurred = at::conv2d(spread.view({1, 1, h, w}), kernel.view({1, 1, 7, 7}), {}, 1, 3).view({h, w});
  const at::Tensor weighted = at::where(mask & (blurred < error), blurred, error) * weight;
  const double count = mask.sum().item<double>(), misses = weighted.index({mask}).sum().item<double>();
  const double alarms = weighted.index({mask.logical_not()}).sum().item<double>();
  const double hits = count - misses, recall = 1 - misses / count, precision = hits / (hits + alarms);
  return (1 + beta2) * recall * precision / (recall + beta2 * precision);
}

TEST(Segmentation, WeightedFFollowsItsDefinition) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{23, 31}, {7, 40}, {40, 5}, {3, 3}}) {
    at::Tensor mask = disc(height, width, 6) | (noise(height, width, 9) > 0.97);
    mask[0][0] = true;  // at the border, where the blur meets zeros
    mask[height - 1][width - 1] = false;
    at::Tensor prediction = noise(height, width, 4);
    prediction = ((prediction - prediction.min()) / (prediction.max() - prediction.min())).mul(255).round().div(255);
    for (const double beta2 : {1.0, 0.3}) {
      EXPECT_NEAR(
          score_segmentation(prediction, mask, {.variant = SegmentationVariant::official, .weighted_beta2 = beta2})
              .weighted_f,
          weighted_f_by_definition(prediction, mask, beta2), 2e-7);
    }
    const at::Tensor bytes = prediction.mul(255).round().to(at::kByte);
    EXPECT_NEAR(score_segmentation(bytes, mask).weighted_f,
                weighted_f_by_definition(bytes.to(at::kDouble).div(255), mask, 1), 1e-12);
  }
}

TEST(Segmentation, APerfectPrediction) {
  const at::Tensor mask = disc(40, 50, 12);
  const SegmentationScores scores = score_segmentation(mask.to(at::kByte) * 255, mask);
  EXPECT_NEAR(scores.s, 1, 1e-9);
  EXPECT_NEAR(scores.weighted_f, 1, 1e-9);
  EXPECT_EQ(scores.mae, 0);
  EXPECT_EQ(scores.dice, 1);
  EXPECT_EQ(scores.iou, 1);
  EXPECT_EQ(scores.ber, 0);
  EXPECT_EQ(scores.f_max, 1);
  EXPECT_NEAR(scores.e_max, 2000.0 / 1999, 1e-12);  // the measure divides by N - 1
}

TEST(Segmentation, CountsByHand) {
  const at::Tensor mask = at::tensor({1, 1, 1, 0, 0, 0, 0, 0}, at::kByte).view({2, 4});
  const at::Tensor prediction = at::tensor({255, 255, 0, 255, 0, 0, 0, 0}, at::kByte).view({2, 4});
  const SegmentationScores scores = score_segmentation(prediction, mask);
  EXPECT_DOUBLE_EQ(scores.dice, 4.0 / 6);
  EXPECT_DOUBLE_EQ(scores.iou, 0.5);
  EXPECT_NEAR(scores.positive_error, 100.0 / 3, 1e-12);
  EXPECT_NEAR(scores.negative_error, 20, 1e-12);
  EXPECT_NEAR(scores.ber, (100.0 / 3 + 20) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(scores.mae, 0.25);
}

TEST(Segmentation, NothingToFindOrEverything) {
  const at::Tensor none = at::zeros({6, 8}, at::kBool), all = at::ones({6, 8}, at::kBool);
  const at::Tensor black = at::zeros({6, 8}, at::kByte), white = at::full({6, 8}, 255, at::kByte);
  const SegmentationScores right = score_segmentation(black, none), wrong = score_segmentation(white, none);
  EXPECT_EQ(right.s, 1);
  EXPECT_EQ(right.dice, 1);
  EXPECT_EQ(right.iou, 1);
  EXPECT_TRUE(std::isnan(right.ber));
  EXPECT_EQ(right.negative_error, 0);
  EXPECT_EQ(wrong.s, 0);
  EXPECT_EQ(wrong.dice, 0);
  EXPECT_EQ(wrong.weighted_f, 0);
  EXPECT_EQ(score_segmentation(white, all).s, 1);
  EXPECT_TRUE(std::isnan(score_segmentation(white, all).ber));
}

TEST(Segmentation, ThresholdsOfTheTwoVariants) {
  const at::Tensor mask = at::ones({1, 2}, at::kByte);
  const at::Tensor at_126 = at::tensor({126, 0}, at::kByte).view({1, 2});
  EXPECT_EQ(score_segmentation(at_126, mask).errors.true_positive, 0);
  EXPECT_EQ(score_segmentation(at_126, mask, SegmentationOptions::official()).errors.true_positive, 1);
  EXPECT_EQ(score_segmentation(at::tensor({128, 127}, at::kByte).view({1, 2}), mask).errors.true_positive, 1);
}

TEST(Segmentation, MasksOfBytesAreForegroundAbove128) {
  const at::Tensor mask = at::tensor({255, 129, 128, 0}, at::kByte).view({2, 2});
  const SegmentationScores scores = score_segmentation(at::full({2, 2}, 255, at::kByte), mask);
  EXPECT_EQ(scores.errors.true_positive, 2);
  EXPECT_EQ(scores.errors.false_positive, 2);
}

TEST(Segmentation, SMeasureIsUndefinedWithoutAQuadrant) {
  at::Tensor mask = at::zeros({10, 12}, at::kBool);
  mask.select(1, 11).fill_(true);
  const at::Tensor prediction = noise(10, 12, 1);
  EXPECT_TRUE(std::isnan(score_segmentation(prediction, mask).s));
  EXPECT_EQ(score_segmentation(prediction, mask, SegmentationOptions::official()).s, 0);
}

// PySODMetrics 1.6.2 on numpy 2.4: where prediction and mask are both constant in a quadrant, its score is 1 or 0 by
// how the mean of the quadrant rounds.
TEST(Segmentation, ConstantQuadrantsRoundAsNumpyDoes) {
  const at::Tensor prediction = at::full({40, 56}, 102, at::kByte);
  at::Tensor half = at::zeros({40, 56}, at::kBool), one = at::zeros({40, 56}, at::kBool);
  half.slice(1, 0, 28).fill_(true);
  one[13][14] = true;
  EXPECT_NEAR(score_segmentation(prediction, half).s, 0.3930020283975658, 1e-12);
  EXPECT_NEAR(score_segmentation(prediction, one).s, 0.5281870291219934, 1e-12);
}

TEST(Segmentation, BadInput) {
  const at::Tensor mask = at::zeros({4, 5}, at::kByte), prediction = at::zeros({4, 5});
  EXPECT_TRUE(says(sentence([&] { score_segmentation(at::zeros({5, 4}), mask); }),
                   "the prediction is 4 x 5 and the mask 5 x 4"));
  EXPECT_TRUE(says(sentence([&] { score_segmentation(prediction.unsqueeze(0), mask); }), "must be [H, W]"));
  EXPECT_TRUE(says(sentence([&] { score_segmentation(prediction, prediction); }), "must be bool or 8-bit"));
  EXPECT_TRUE(says(sentence([&] { score_segmentation(prediction.clone().fill_(NAN), mask); }), "not finite"));
  EXPECT_TRUE(says(sentence([&] { score_segmentation(prediction, mask, {.f_beta2 = 0}); }), "must be positive"));
  EXPECT_TRUE(says(sentence([&] { score_segmentation(prediction, mask, {.threshold = 1.5}); }), "must be 0 to 1"));
}

TEST(SegmentationSummary, MeansMaximaAndPooling) {
  const at::Tensor mask = disc(20, 20, 6);
  const std::vector<SegmentationScores> scores = {score_segmentation(noise(20, 20, 1), mask),
                                                  score_segmentation(noise(20, 20, 2), mask),
                                                  score_segmentation(noise(20, 20, 3), at::zeros({20, 20}, at::kBool))};
  const SegmentationSummary all = summarise(scores);
  EXPECT_EQ(all.images, 3);
  EXPECT_NEAR(all.mae, (scores[0].mae + scores[1].mae + scores[2].mae) / 3, 1e-12);
  EXPECT_EQ(all.without_ber, 1);
  EXPECT_NEAR(all.ber, (scores[0].ber + scores[1].ber) / 2, 1e-12);
  EXPECT_LE(all.e_max, (scores[0].e_max + scores[1].e_max + scores[2].e_max) / 3 + 1e-12);
  EXPECT_EQ(all.pooled.true_positive, scores[0].errors.true_positive + scores[1].errors.true_positive);
  EXPECT_TRUE(std::isnan(summarise(scores, /*skip_undefined=*/false).ber));
  EXPECT_TRUE(says(sentence([] { summarise({}); }), "no scored pictures"));
}

TEST(SegmentationSummary, TheOriginalScoresItsFirstBatchAlone) {
  const at::Tensor mask = disc(20, 20, 6);
  std::vector<SegmentationScores> scores;
  for (uint64_t i = 0; i < 5; ++i)
    scores.push_back(score_segmentation(noise(20, 20, i), mask, SegmentationOptions::official()));
  const OfficialValidation official = official_validation(scores, 2);
  EXPECT_NEAR(official.s, (scores[0].s + scores[1].s) / 2, 1e-12);
  Confusion even = scores[0].errors, odd = scores[1].errors;
  even += scores[2].errors;
  odd += scores[3].errors;  // the fifth picture fills no batch
  EXPECT_NEAR(official.ber, (even.balanced_error() + odd.balanced_error()) / 2, 1e-12);
  EXPECT_TRUE(says(sentence([&] { official_validation(scores, 6); }), "do not fill a batch of 6"));
}

}  // namespace
}  // namespace cambium::metrics
