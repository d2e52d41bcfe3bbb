#pragma once
// How sure a measured number is: standard errors and intervals for shares, means and differences on the same items.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "core/random.h"

namespace cambium::metrics {

struct Estimate {
  double value = 0;
  double standard_error = 0;  // 0 with a single item
  int64_t count = 0;
};

// sqrt(p (1 - p) / n): standard error of a share.
double binomial_standard_error(double share, int64_t count);

// Mean and its standard error (sample deviation over sqrt(n)) of values [N]: bool, integer or float, all finite.
Estimate mean_estimate(const at::Tensor& values);

// Mean of a - b over the same items and its standard error: what two models' difference is worth when both saw the same
// test set. a, b [N].
Estimate paired_difference(const at::Tensor& a, const at::Tensor& b);

// McNemar's exact two-sided p-value for two models' right answers, bool [N], on the same items.
double mcnemar_p_value(const at::Tensor& a_right, const at::Tensor& b_right);

struct Interval {
  double low = 0, high = 0;
};

// Wilson's interval for a share; z = 1.96 for 95%.
Interval wilson_interval(int64_t successes, int64_t count, double z = 1.959963984540054);

struct Bootstrap {
  double value = 0;           // of the items as they are
  double standard_error = 0;  // deviation over the resamples
  Interval interval = {};     // percentile interval, 95%
};

// Draws `resamples` times N items with replacement and takes `statistic` of each (items: int64 [N] of positions).
Bootstrap bootstrap(int64_t items, const std::function<double(const at::Tensor& positions)>& statistic, Rng& rng,
                    int64_t resamples = 1000);

}  // namespace cambium::metrics
