#include "metrics/hierarchy.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "metrics/disc_layout.h"

namespace cambium::metrics {
namespace {

TEST(ChainOrder, CountsChainsAndPairs) {
  const at::Tensor distances = at::tensor({0.1, 0.2, 0.3, 0.4,  // right
                                           0.1, 0.3, 0.2, 0.4,  // one of six pairs wrong, one of three neighbours
                                           0.4, 0.3, 0.2, 0.1})
                                   .view({3, 4});  // all wrong
  const ChainOrder order = chain_order(distances);
  EXPECT_EQ(order.chains, 3);
  EXPECT_DOUBLE_EQ(order.chains_right, 1.0 / 3);
  EXPECT_DOUBLE_EQ(order.pairs_right, (1 + 5.0 / 6 + 0) / 3);
  EXPECT_DOUBLE_EQ(order.adjacent_right, 5.0 / 9);
  EXPECT_DOUBLE_EQ(order.chains_right_chance, 1.0 / 24);
  EXPECT_NEAR(order.mean_distance[0], 0.2, 1e-7);
  EXPECT_TRUE(order.chain_is_right[0].item<bool>());
  EXPECT_FALSE(order.chain_is_right[1].item<bool>());
}

TEST(ChainOrder, EqualIsNotInOrder) {
  const ChainOrder order = chain_order(at::ones({5, 3}));
  EXPECT_EQ(order.chains_right, 0);
  EXPECT_EQ(order.pairs_right, 0);
}

TEST(ChainOrder, RefusesBadInput) {
  EXPECT_THROW(chain_order(at::ones({5, 1})), Error);
  EXPECT_THROW(chain_order(at::full({1, 2}, NAN)), Error);
  EXPECT_THROW(chain_order(at::ones({0, 2})), Error);
  EXPECT_THROW(chain_order(at::ones({2})), Error);
}

TEST(ConeViolations, MeasuresTheExcess) {
  const ConeViolations cones = cone_violations(at::tensor({0.5, 1.0, 1.5, 0.2}), at::tensor({1.0, 1.0, 1.0, 0.1}));
  EXPECT_DOUBLE_EQ(cones.rate, 0.5);
  EXPECT_NEAR(cones.mean_excess, 0.15, 1e-7);
  EXPECT_FALSE(cones.violated[1].item<bool>());
  EXPECT_DOUBLE_EQ(cone_violations(at::tensor({0.5, 1.0}), at::tensor(0.7)).rate, 0.5);
  EXPECT_THROW(cone_violations(at::ones({3}), at::ones({2})), Error);
  EXPECT_THROW(cone_violations(at::full({1}, NAN), at::ones({1})), Error);
}

double angle_between(const at::Tensor& angles, int64_t i, int64_t j) {
  return std::abs(std::remainder(angles[i].item<double>() - angles[j].item<double>(), 2 * M_PI));
}

TEST(DiscLayout, KeepsKindTogetherAndKindsApart) {
  // Three clusters of five in ten dimensions; the second level is shifted as pictures are from words.
  at::Tensor x = at::zeros({30, 10}, at::kDouble), level = at::zeros({30}, at::kLong);
  for (int64_t i = 0; i < 30; ++i) {
    x[i][i % 3] = 1;
    x[i][3 + i % 5] = 0.2;
    if (i >= 15) {
      x[i][9] = 3;
      level[i] = 1;
    }
  }
  const at::Tensor angles = circular_angles(x, level);
  for (int64_t i = 0; i < 30; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const double between = angle_between(angles, i, j);
      EXPECT_TRUE(i % 3 == j % 3 ? between < 0.7 : between > 1.2) << i << " " << j << " " << between;
    }
  }
}

TEST(DiscLayout, KeepsTheDistanceExactly) {
  const at::Tensor points = disc_points(at::tensor({0.0, 1.0}), at::tensor({0.5, 2.0}), 0.25);
  for (int64_t i = 0; i < 2; ++i) {
    const double radius = points[i].norm().item<double>();
    EXPECT_NEAR(2 * std::atanh(radius) / 0.5, i == 0 ? 0.5 : 2.0, 1e-12);
  }
  EXPECT_THROW(disc_points(at::zeros({2}), at::zeros({3}), 1), Error);
  EXPECT_THROW(disc_points(at::zeros({2}), at::zeros({2}), 0), Error);
}

TEST(DiscLayout, TakesFewItems) {
  EXPECT_EQ(circular_angles(at::ones({1, 4})).size(0), 1);
  EXPECT_TRUE(circular_angles(at::ones({4, 1})).isfinite().all().item<bool>());
  EXPECT_THROW(circular_angles(at::ones({0, 4})), Error);
}

}  // namespace
}  // namespace cambium::metrics
