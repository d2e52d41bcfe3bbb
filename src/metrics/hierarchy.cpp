#include "metrics/hierarchy.h"

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {

ChainOrder chain_order(const at::Tensor& distances) {
  check_shape(distances, "distances", 2);
  check_finite(distances, "distances");
  const at::Tensor d = as_double(distances);  // [N, L]
  const int64_t levels = d.size(1);
  if (levels < 2)
    throw Error({.what = "a chain has " + std::to_string(levels) + " level",
                 .field = "distances",
                 .mend = "give at least two"});
  ChainOrder result{.chains = d.size(0), .levels = levels};

  const at::Tensor rising = d.narrow(1, 1, levels - 1) > d.narrow(1, 0, levels - 1);  // [N, L - 1]
  result.chain_is_right = rising.all(1);
  result.chains_right = result.chain_is_right.to(at::kDouble).mean().item<double>();
  result.adjacent_right = rising.to(at::kDouble).mean().item<double>();

  const at::Tensor above = d.unsqueeze(1) > d.unsqueeze(2);  // [N, L, L]: [n, i, j] = d_j > d_i
  const at::Tensor pair = at::ones({levels, levels}, at::kDouble).triu(1);
  const double pairs = 0.5 * static_cast<double>(levels * (levels - 1));
  result.pair_share = (above.to(at::kDouble) * pair).sum({1, 2}) / pairs;  // [N]
  result.pairs_right = result.pair_share.mean().item<double>();

  result.chains_right_chance = 1;
  for (int64_t level = 0; level < levels; ++level) {
    result.chains_right_chance /= static_cast<double>(level + 1);
    result.mean_distance.push_back(d.select(1, level).mean().item<double>());
  }
  return result;
}

ConeViolations cone_violations(const at::Tensor& angle, const at::Tensor& aperture) {
  check_shape(angle, "angle", 1);
  check_finite(angle, "angle");
  check_finite(aperture, "aperture");
  if (aperture.numel() != 1 && (aperture.dim() != 1 || aperture.size(0) != angle.size(0))) {
    throw Error({.what = "has " + std::to_string(aperture.numel()) + " entries for " + std::to_string(angle.size(0)) +
                         " angles",
                 .field = "aperture",
                 .mend = "give one per angle, or one for all"});
  }
  const at::Tensor a = as_double(angle);
  const at::Tensor b = as_double(aperture).reshape(-1).expand_as(a);
  ConeViolations result{.pairs = a.size(0)};
  result.violated = a > b;
  result.rate = result.violated.to(at::kDouble).mean().item<double>();
  result.mean_excess = (a - b).clamp_min(0).mean().item<double>();
  result.mean_angle = a.mean().item<double>();
  result.mean_aperture = b.mean().item<double>();
  return result;
}

}  // namespace cambium::metrics
