#include "models/meru/lorentz.h"

#include <ATen/ATen.h>

#include <cmath>

namespace cambium::meru {
namespace {

at::ScalarType result_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

// The precision to compute in. `.to` is differentiable and free where nothing changes.
at::ScalarType compute_type(const at::Tensor& x, const LorentzOptions& options) {
  return options.numerics == Numerics::safe ? at::kDouble : result_type(x);
}

at::Tensor time_of(const at::Tensor& x, const at::Tensor& c) {
  return at::sqrt(c.reciprocal() + x.pow(2).sum(-1, /*keepdim=*/true));  // [..., 1]
}

at::Tensor norm(const at::Tensor& x, bool keepdim) { return x.norm(2, -1, keepdim); }

at::Tensor inner(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c) {
  return x.matmul(y.t()) - time_of(x, c).matmul(time_of(y, c).t());  // [B1, B2]
}

// The angle at x, from c<x, y>, both times and |x|, all broadcast against each other.
at::Tensor angle(const at::Tensor& c_inner, const at::Tensor& t_x, const at::Tensor& t_y, const at::Tensor& norm_x,
                 double eps) {
  const at::Tensor numerator = t_y + c_inner * t_x;
  const at::Tensor denominator = at::sqrt(at::clamp_min(c_inner.pow(2) - 1, eps));
  return at::acos(at::clamp(numerator / (norm_x * denominator + eps), -1 + eps, 1 - eps));
}

}  // namespace

at::Tensor time_component(const at::Tensor& x, const at::Tensor& c) {
  const auto type = result_type(x);
  return time_of(x.to(type), c.to(type));
}

at::Tensor to_hyperboloid(const at::Tensor& x, const at::Tensor& c) {
  const auto type = result_type(x);
  const at::Tensor space = x.to(type);
  return at::cat({time_of(space, c.to(type)), space}, -1);
}

at::Tensor to_poincare(const at::Tensor& x, const at::Tensor& c) {
  const auto type = result_type(x);
  const at::Tensor space = x.to(type), root_c = c.to(type).sqrt();
  return root_c * space / (1 + root_c * time_of(space, c.to(type)));
}

at::Tensor pairwise_inner(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c,
                          const LorentzOptions& options) {
  const auto type = compute_type(x, options);
  return inner(x.to(type), y.to(type), c.to(type)).to(result_type(x));
}

at::Tensor pairwise_dist(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c, const LorentzOptions& options) {
  const auto type = compute_type(x, options);
  const at::Tensor curvature = c.to(type);
  const at::Tensor cosh = -curvature * inner(x.to(type), y.to(type), curvature);
  return (at::acosh(at::clamp_min(cosh, 1 + options.eps)) / curvature.sqrt()).to(result_type(x));
}

at::Tensor distance_from_root(const at::Tensor& x, const at::Tensor& c) {
  const auto type = result_type(x);
  const at::Tensor root_c = c.to(type).sqrt();
  return at::asinh(root_c * norm(x.to(type), false)) / root_c;
}

at::Tensor exp_map0(const at::Tensor& v, const at::Tensor& c, const LorentzOptions& options) {
  const auto type = compute_type(v, options);
  const at::Tensor tangent = v.to(type);
  const at::Tensor r = c.to(type).sqrt() * norm(tangent, true);  // [..., 1]
  const at::Tensor s = at::clamp(r, options.eps, std::asinh(std::pow(2.0, 15)));
  return (at::sinh(s) * tangent / at::clamp_min(r, options.eps)).to(result_type(v));
}

at::Tensor log_map0(const at::Tensor& x, const at::Tensor& c, const LorentzOptions& options) {
  const auto type = compute_type(x, options);
  const at::Tensor space = x.to(type), curvature = c.to(type);
  const at::Tensor r = curvature.sqrt() * norm(space, true);  // [..., 1]
  if (options.numerics == Numerics::safe) {
    // acosh(sqrt(1 + r^2)) = asinh(r), which has no branch point at the root. One clamped r in both places keeps the
    // quotient 1 there.
    const at::Tensor held = at::clamp_min(r, options.eps);
    return (at::asinh(held) * space / held).to(result_type(x));
  }
  const at::Tensor cosh = at::sqrt(1 + curvature * space.pow(2).sum(-1, true));
  const at::Tensor d = at::acosh(at::clamp_min(cosh, 1 + options.eps));
  return d * space / at::clamp_min(r, options.eps);
}

at::Tensor half_aperture(const at::Tensor& x, const at::Tensor& c, double min_radius, const LorentzOptions& options) {
  const auto type = compute_type(x, options);
  const at::Tensor sine = 2 * min_radius / (norm(x.to(type), false) * c.to(type).sqrt() + options.eps);
  return at::asin(at::clamp(sine, -1 + options.eps, 1 - options.eps)).to(result_type(x));
}

at::Tensor oxy_angle(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c, const LorentzOptions& options) {
  const auto type = compute_type(x, options);
  const at::Tensor apex = x.to(type), other = y.to(type), curvature = c.to(type);
  const at::Tensor t_x = time_of(apex, curvature).squeeze(-1), t_y = time_of(other, curvature).squeeze(-1);
  const at::Tensor c_inner = curvature * ((apex * other).sum(-1) - t_x * t_y);
  return angle(c_inner, t_x, t_y, norm(apex, false), options.eps).to(result_type(x));
}

at::Tensor pairwise_oxy_angle(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c,
                              const LorentzOptions& options) {
  const auto type = compute_type(x, options);
  const at::Tensor apex = x.to(type), other = y.to(type), curvature = c.to(type);
  const at::Tensor t_x = time_of(apex, curvature), t_y = time_of(other, curvature).t();  // [B1, 1], [1, B2]
  const at::Tensor c_inner = curvature * (apex.matmul(other.t()) - t_x * t_y);           // [B1, B2]
  return angle(c_inner, t_x, t_y, norm(apex, true), options.eps).to(result_type(x));
}

}  // namespace cambium::meru
