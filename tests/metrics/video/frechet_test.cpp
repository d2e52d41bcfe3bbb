#include "metrics/video/frechet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::metrics {
namespace {

at::Tensor normals(int64_t rows, int64_t columns, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  return at::normal(0.0, 1.0, {rows, columns}, generator, at::kDouble);
}

TEST(FrechetDistance, OfOneDimensionIsThatOfTwoGaussians) {
  // (m1 - m2)^2 + (s1 - s2)^2.
  const at::Tensor a = at::tensor({0.0, 2.0, 4.0}).unsqueeze(1), b = at::tensor({10.0, 14.0, 18.0}).unsqueeze(1);
  EXPECT_NEAR(frechet_distance(a, b), 144 + 4, 1e-9);
}

TEST(FrechetDistance, OfShiftedSetsIsTheShift) {
  const at::Tensor a = normals(64, 8, 1), shift = normals(1, 8, 2);
  EXPECT_NEAR(frechet_distance(a, a + shift), shift.square().sum().item<double>(), 1e-8);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-8);
}

RC_GTEST_PROP(FrechetDistance, IsSymmetricAndNotNegative, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(1, 1000);
  const auto rows = *rc::gen::inRange<int64_t>(2, 40);
  const at::Tensor a = normals(rows, 12, seed), b = 2 * normals(30, 12, seed + 5000) + 1;
  const double there = frechet_distance(a, b), back = frechet_distance(b, a);
  RC_ASSERT(std::abs(there - back) < 1e-5 * (1 + there));
  RC_ASSERT(there > -1e-6);
}

TEST(FrechetDistance, IsTheSameWithAndWithoutCovariances) {
  const at::Tensor a = normals(9, 40, 3), b = 3 * normals(14, 40, 4) - 1;
  const double expected = frechet_distance(feature_statistics(a), feature_statistics(b));
  EXPECT_NEAR(frechet_distance(a, b), expected, 1e-5 * expected);
}

TEST(FrechetDistance, RefusesWhatHasNone) {
  EXPECT_THROW(feature_statistics(normals(1, 4, 1)), Error);
  EXPECT_THROW(feature_statistics(at::full({3, 4}, std::nan(""))), Error);
  EXPECT_THROW(feature_statistics(normals(3, 4, 1)[0]), Error);
  EXPECT_THROW(frechet_distance(normals(3, 4, 1), normals(3, 5, 1)), Error);
}

TEST(InceptionScore, CountsTheClassesThatAreUsed) {
  // Certain of one class each, four classes evenly: exp(log 4).
  const at::Tensor certain = at::eye(4, at::kDouble).repeat({5, 1});
  EXPECT_NEAR(inception_score(certain, 1).mean, 4, 1e-9);
  EXPECT_NEAR(inception_score(certain, 5).mean, 4, 1e-9);
  EXPECT_NEAR(inception_score(certain, 5).deviation, 0, 1e-9);
  EXPECT_NEAR(inception_score(at::full({10, 4}, 0.25), 2).mean, 1, 1e-6);
  // Parts of four see four classes; parts of two see two.
  EXPECT_NEAR(inception_score(certain, 10).mean, 2, 1e-9);
  EXPECT_THROW(inception_score(certain, 21), Error);
  EXPECT_THROW(inception_score(certain * 2, 1), Error);
}

TEST(ClipSimilarity, IsTheMeanCosine) {
  const at::Tensor text = at::tensor({2.0, 0.0}), frames = at::tensor({3.0, 0.0, 0.0, 5.0}).view({2, 2});
  EXPECT_NEAR(clip_similarity(frames, text), 0.5, 1e-12);
  EXPECT_THROW(clip_similarity(frames, at::ones({3})), Error);
}

}  // namespace
}  // namespace cambium::metrics
