#include "metrics/disc_layout.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <tuple>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {
namespace {

at::Tensor unit_rows(const at::Tensor& x) { return x / x.norm(2, 1, true).clamp_min(1e-12); }

// Without each level's mean.
at::Tensor centred(at::Tensor x, const at::Tensor& level) {
  if (!level.defined()) return x - x.mean(0, true);
  const auto levels = level.max().item<int64_t>() + 1;
  for (int64_t one = 0; one < levels; ++one) {
    const at::Tensor rows = (level == one).nonzero().view(-1);
    // A level of one item has no spread to centre on.
    if (rows.size(0) > 1) x.index_copy_(0, rows, x.index_select(0, rows) - x.index_select(0, rows).mean(0, true));
  }
  return x;
}

}  // namespace

at::Tensor circular_angles(const at::Tensor& directions, const at::Tensor& level, int64_t steps) {
  check_shape(directions, "directions", 2);
  check_finite(directions, "directions");
  if (level.defined()) check_labels(level, "level", directions.size(0), INT32_MAX);
  const at::Tensor x =
      unit_rows(centred(unit_rows(as_double(directions)), level.defined() ? level.cpu() : level));  // [N, D]
  const int64_t n = x.size(0);
  at::Tensor kernel = at::mm(x, x.t());
  kernel = kernel - kernel.mean(0, true) - kernel.mean(1, true) + kernel.mean();
  const at::Tensor vectors = std::get<1>(at::linalg_eigh(at::mm(x.t(), x)));  // ascending eigenvalues
  const int64_t d = vectors.size(1);
  const at::Tensor first = at::mv(x, vectors.select(1, d - 1));
  const at::Tensor second = d > 1 ? at::mv(x, vectors.select(1, d - 2)) : at::zeros_like(first);
  at::Tensor angles = at::atan2(second, first);  // [N]
  if (n < 3) return angles;
  // a_i <- arg sum_j k_ij e^{i a_j}: each step solves for all angles at once; the diagonal keeps it from swinging.
  for (int64_t step = 0; step < steps; ++step)
    angles = at::atan2(at::mv(kernel, angles.sin()), at::mv(kernel, angles.cos()));
  return angles;
}

at::Tensor disc_points(const at::Tensor& angles, const at::Tensor& distances, double curvature) {
  check_shape(angles, "angles", 1);
  check_shape(distances, "distances", 1);
  if (angles.size(0) != distances.size(0)) {
    throw Error(
        {.what = std::to_string(distances.size(0)) + " distances for " + std::to_string(angles.size(0)) + " angles",
         .field = "distances",
         .mend = "give one per angle"});
  }
  if (!(curvature > 0)) throw Error({.what = "is not positive", .field = "curvature", .mend = "give c > 0"});
  const at::Tensor radius = at::tanh(0.5 * std::sqrt(curvature) * as_double(distances));
  const at::Tensor a = as_double(angles);
  return at::stack({radius * a.cos(), radius * a.sin()}, 1);
}

}  // namespace cambium::metrics
