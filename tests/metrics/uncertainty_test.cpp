#include "metrics/uncertainty.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace cambium::metrics {
namespace {

TEST(Uncertainty, OfAShare) {
  EXPECT_DOUBLE_EQ(binomial_standard_error(0.5, 100), 0.05);
  EXPECT_DOUBLE_EQ(binomial_standard_error(1, 7), 0);
  EXPECT_THROW(binomial_standard_error(1.1, 7), Error);
  EXPECT_THROW(binomial_standard_error(0.5, 0), Error);
  EXPECT_THROW(binomial_standard_error(NAN, 5), Error);
}

TEST(Uncertainty, OfAMean) {
  const Estimate estimate = mean_estimate(at::tensor({1.0, 2.0, 3.0, 4.0}));
  EXPECT_DOUBLE_EQ(estimate.value, 2.5);
  EXPECT_DOUBLE_EQ(estimate.standard_error, std::sqrt(5.0 / 3) / 2);
  EXPECT_EQ(mean_estimate(at::tensor({1, 0, 1, 1}, at::kLong).to(at::kBool)).value, 0.75);
  EXPECT_EQ(mean_estimate(at::tensor({3.0})).standard_error, 0);
  EXPECT_THROW(mean_estimate(at::tensor({NAN})), Error);
  EXPECT_THROW(mean_estimate(at::empty({0})), Error);
}

TEST(Uncertainty, PairsCancelWhatIsShared) {
  const at::Tensor hard = at::tensor({0.0, 10.0, 20.0, 30.0});
  const Estimate difference = paired_difference(hard + 1, hard);
  EXPECT_DOUBLE_EQ(difference.value, 1);
  EXPECT_NEAR(difference.standard_error, 0, 1e-12);
  EXPECT_THROW(paired_difference(hard, at::zeros({3})), Error);
}

TEST(Uncertainty, McNemarIsTheSignTest) {
  // 8 items only a had right, 2 only b: two-sided p = 2 (1 + 10 + 45) / 1024.
  at::Tensor a = at::zeros({20}, at::kBool), b = at::zeros({20}, at::kBool);
  a.narrow(0, 0, 8).fill_(true);
  b.narrow(0, 8, 2).fill_(true);
  EXPECT_NEAR(mcnemar_p_value(a, b), 112.0 / 1024, 1e-12);
  EXPECT_DOUBLE_EQ(mcnemar_p_value(a, a), 1);
}

TEST(Uncertainty, WilsonInterval) {
  const Interval interval = wilson_interval(8, 10);
  EXPECT_NEAR(interval.low, 0.4901625, 1e-6);
  EXPECT_NEAR(interval.high, 0.9433178, 1e-6);
  EXPECT_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_THROW(wilson_interval(11, 10), Error);
}

TEST(Uncertainty, BootstrapAgreesWithTheFormula) {
  Rng data(3), draws(4);
  at::Tensor values = at::empty({200}, at::kDouble);
  for (int64_t i = 0; i < 200; ++i) values.data_ptr<double>()[i] = data.normal();
  const auto mean = [&](const at::Tensor& positions) {
    return values.index_select(0, positions).mean().item<double>();
  };
  const Bootstrap result = bootstrap(200, mean, draws, 2000);
  const Estimate formula = mean_estimate(values);
  EXPECT_DOUBLE_EQ(result.value, formula.value);
  EXPECT_NEAR(result.standard_error / formula.standard_error, 1, 0.08);  // 2000 resamples: 1.6% deviation
  EXPECT_LT(result.interval.low, formula.value);
  EXPECT_GT(result.interval.high, formula.value);
  Rng again(4);
  EXPECT_EQ(bootstrap(200, mean, again, 2000).standard_error, result.standard_error);
  EXPECT_THROW(bootstrap(0, mean, again), Error);
}

}  // namespace
}  // namespace cambium::metrics
