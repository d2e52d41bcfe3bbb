#include "models/meru/traversal.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"

namespace cambium::meru {
namespace {

// [D], [D] -> [steps, D], from `image` to `root`.
at::Tensor chord(const at::Tensor& root, const at::Tensor& image, int64_t steps) {
  if (steps < 2) throw UsageError({.what = "a traversal has at least 2 steps", .field = "steps"});
  const at::Tensor weights = at::linspace(0, 1, steps, image.options()).unsqueeze(1);  // [steps, 1]
  return at::lerp(root.unsqueeze(0), image.unsqueeze(0), weights).flip(0);
}

Traversal best_of(at::Tensor points, at::Tensor all_scores) {
  auto [scores, ids] = all_scores.max(1);  // [steps]
  Traversal out{.points = std::move(points), .scores = scores, .ids = ids, .all_scores = std::move(all_scores)};
  const at::Tensor host = ids.cpu();
  for (int64_t i = 0; i < host.size(0); ++i) {
    const int64_t id = host.data_ptr<int64_t>()[i];
    if (std::find(out.unique_ids.begin(), out.unique_ids.end(), id) == out.unique_ids.end())
      out.unique_ids.push_back(id);
  }
  return out;
}

}  // namespace

at::Tensor interpolate_to_root(const at::Tensor& image, const at::Tensor& c, const TraversalOptions& options) {
  const at::Tensor tangent = log_map0(image, c, options.lorentz);
  return exp_map0(chord(at::zeros_like(tangent), tangent, options.steps), c, options.lorentz);
}

at::Tensor interpolate_on_sphere(const at::Tensor& image, const at::Tensor& root, int64_t steps) {
  const at::Tensor points = chord(root, image, steps);
  return points / at::clamp_min(points.norm(2, -1, true), 1e-12);
}

at::Tensor score_points(const at::Tensor& points, const at::Tensor& pool, const at::Tensor& c,
                        const TraversalOptions& options) {
  const at::Tensor inner = pairwise_inner(points, pool, c, options.lorentz);                // [steps, P]
  const at::Tensor angle = pairwise_oxy_angle(pool, points, c, options.lorentz);            // [P, steps]
  const at::Tensor aperture = half_aperture(pool, c, options.min_radius, options.lorentz);  // [P]
  at::Tensor outside = (angle - aperture.unsqueeze(1) > 0).t().clone();                     // [steps, P]
  outside.select(1, pool.size(0) - 1).zero_();
  return inner.masked_fill(outside, kNotEntailing);
}

at::Tensor score_points_on_sphere(const at::Tensor& points, const at::Tensor& pool) { return points.matmul(pool.t()); }

Traversal traverse(const at::Tensor& image, const at::Tensor& pool, const at::Tensor& c,
                   const TraversalOptions& options) {
  const at::Tensor points = interpolate_to_root(image, c, options);
  return best_of(points, score_points(points, pool, c, options));
}

Traversal traverse_on_sphere(const at::Tensor& image, const at::Tensor& pool, const at::Tensor& root, int64_t steps) {
  const at::Tensor points = interpolate_on_sphere(image, root, steps);
  return best_of(points, score_points_on_sphere(points, pool));
}

}  // namespace cambium::meru
