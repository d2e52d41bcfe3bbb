#include "metrics/uncertainty.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {

double binomial_standard_error(double share, int64_t count) {
  if (!(share >= 0 && share <= 1) || count < 1) {
    throw Error(
        {.what = "a share of " + std::to_string(share) + " of " + std::to_string(count) + " items makes no sense",
         .field = "share",
         .mend = "give a share between 0 and 1 of at least one item"});
  }
  return std::sqrt(share * (1 - share) / static_cast<double>(count));
}

Estimate mean_estimate(const at::Tensor& values) {
  check_shape(values, "values", 1);
  check_finite(values, "values");
  const at::Tensor x = as_double(values);
  const int64_t n = x.size(0);
  const double deviation = n > 1 ? x.std(0, true).item<double>() : 0;
  return {
      .value = x.mean().item<double>(), .standard_error = deviation / std::sqrt(static_cast<double>(n)), .count = n};
}

Estimate paired_difference(const at::Tensor& a, const at::Tensor& b) {
  check_shape(a, "a", 1);
  check_shape(b, "b", 1);
  if (a.size(0) != b.size(0)) {
    throw Error({.what = std::to_string(a.size(0)) + " and " + std::to_string(b.size(0)) + " values do not pair",
                 .field = "a, b",
                 .mend = "give both models' values for the same items"});
  }
  return mean_estimate(as_double(a) - as_double(b));
}

double mcnemar_p_value(const at::Tensor& a_right, const at::Tensor& b_right) {
  const at::Tensor difference = as_double(a_right) - as_double(b_right);
  const auto only_a = (difference > 0).sum().item<int64_t>(), only_b = (difference < 0).sum().item<int64_t>();
  const auto n = static_cast<double>(only_a + only_b);
  // Twice the tail of a fair coin, in logarithms: C(n, i) / 2^n.
  double tail = 0;
  for (int64_t i = 0; i <= std::min(only_a, only_b); ++i) {
    const auto k = static_cast<double>(i);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

Interval wilson_interval(int64_t successes, int64_t count, double z) {
  if (count < 1 || successes < 0 || successes > count) {
    throw Error({.what = std::to_string(successes) + " of " + std::to_string(count) + " is no share",
                 .field = "successes",
                 .mend = "give 0 <= successes <= count, count at least 1"});
  }
  const auto n = static_cast<double>(count);
  const double share = static_cast<double>(successes) / n;
  const double middle = share + z * z / (2 * n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {.low = std::max(0.0, (middle - half) / scale), .high = std::min(1.0, (middle + half) / scale)};
}

Bootstrap bootstrap(int64_t items, const std::function<double(const at::Tensor& positions)>& statistic, Rng& rng,
                    int64_t resamples) {
  if (items < 1 || resamples < 2) {
    throw Error({.what = std::to_string(resamples) + " resamples of " + std::to_string(items) + " items",
                 .field = "bootstrap",
                 .mend = "give at least one item and two resamples"});
  }
  at::Tensor positions = at::arange(items, at::kLong);
  Bootstrap result{.value = statistic(positions)};
  std::vector<double> values(static_cast<size_t>(resamples));
  double sum = 0;
  for (double& value : values) {
    positions = at::empty({items}, at::kLong);
    auto* out = positions.data_ptr<int64_t>();
    for (int64_t i = 0; i < items; ++i) out[i] = rng.below(items);
    value = statistic(positions);
    sum += value;
  }
  const double mean = sum / static_cast<double>(resamples);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  result.standard_error = std::sqrt(squares / static_cast<double>(resamples - 1));
  std::sort(values.begin(), values.end());
  const auto at_share = [&](double share) {
    return values[static_cast<size_t>(std::lround(share * static_cast<double>(resamples - 1)))];
  };
  result.interval = {.low = at_share(0.025), .high = at_share(0.975)};
  return result;
}

}  // namespace cambium::metrics
