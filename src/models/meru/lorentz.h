#pragma once
// The Lorentz model of hyperbolic space, as MERU uses it (Desai et al. 2023, "Hyperbolic Image-Text Representations",
// arXiv 2304.09172). A point is its space components x alone; its time component follows: t = sqrt(1/c + |x|^2).
//
// `c` is the curvature's size: c > 0, the space has curvature -c, so a larger c bends it more (1/c is a squared
// radius). It is a 0-D tensor and may require a gradient. Norms are L2 norms over the last dimension. bfloat16 and half
// inputs are computed in, and returned as, float32; float32 and float64 inputs keep their type.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::meru {

// How the operations are evaluated.
//  parity  exactly the released implementation's formulas, in the input's precision. In float32 its eps is below the
//          spacing of floats round 1, so coincident or collinear points have infinite (or NaN) gradients.
//  safe    the same formulas in float64 inside, log_map0 by asinh; values and gradients are finite for every finite
//          input whose squares are finite, and what float32 loses to cancellation is kept.
enum class Numerics { parity, safe };

struct LorentzOptions {
  Numerics numerics = Numerics::safe;
  double eps = 1e-8;  // of every clamp and denominator
};

// Time component, [..., D] -> [..., 1].
at::Tensor time_component(const at::Tensor& x, const at::Tensor& c);

// The full point [time, space], [..., D] -> [..., 1 + D]: what libraries that know the hyperboloid exchange.
at::Tensor to_hyperboloid(const at::Tensor& x, const at::Tensor& c);

// The point in the unit Poincare ball, [..., D] -> [..., D]: sqrt(c) x / (1 + sqrt(c) t). Norms are below 1.
at::Tensor to_poincare(const at::Tensor& x, const at::Tensor& c);

// Lorentzian inner product of all pairs, x . y - t_x t_y; [B1, D], [B2, D] -> [B1, B2]. Never above -1/c, and
// a larger one means a smaller distance: rank by it.
at::Tensor pairwise_inner(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c,
                          const LorentzOptions& options = {});

// Geodesic distance of all pairs, acosh(-c <x, y>) / sqrt(c); [B1, D], [B2, D] -> [B1, B2].
at::Tensor pairwise_dist(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c,
                         const LorentzOptions& options = {});

// Distance from the root (the hyperboloid's apex, x = 0), asinh(sqrt(c) |x|) / sqrt(c); [..., D] -> [...].
at::Tensor distance_from_root(const at::Tensor& x, const at::Tensor& c);

// Exponential map at the root: a tangent vector becomes a point, [..., D] -> [..., D].
// sqrt(c)|v| is held below asinh(2^15), so the norm of a point never passes 2^15/sqrt(c).
at::Tensor exp_map0(const at::Tensor& v, const at::Tensor& c, const LorentzOptions& options = {});

// Its inverse, [..., D] -> [..., D]. The parity form is off near the root (by up to 1.4e-4/sqrt(c)).
at::Tensor log_map0(const at::Tensor& x, const at::Tensor& c, const LorentzOptions& options = {});

// Half-aperture of the cone of x in radians, asin(2 min_radius / (sqrt(c)|x|)); [..., D] -> [...]. It is
// (all but) pi/2 where |x| < 2 min_radius / sqrt(c).
at::Tensor half_aperture(const at::Tensor& x, const at::Tensor& c, double min_radius = 0.1,
                         const LorentzOptions& options = {});

// Exterior angle at x of the triangle root-x-y in radians, 0 = straight outward; rows are paired, [..., D] -> [...].
// x (the general concept, a text) entails y (an image) where this is at most half_aperture(x).
at::Tensor oxy_angle(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c, const LorentzOptions& options = {});

// The same for all pairs, [B1, D], [B2, D] -> [B1, B2] (row = x), without a [B1, B2, D] intermediate.
at::Tensor pairwise_oxy_angle(const at::Tensor& x, const at::Tensor& y, const at::Tensor& c,
                              const LorentzOptions& options = {});

}  // namespace cambium::meru
