#pragma once
// Float pictures on one square canvas, and the few operations that composites need. All values lie in [0, 1].
#include <ATen/core/Tensor.h>

#include "core/random.h"
#include "io/image.h"

namespace cambium::data::composite {

// A cut-out where it lies on the canvas.
struct Layer {
  at::Tensor colour;  // [3, S, S], not premultiplied; black where alpha is 0
  at::Tensor alpha;   // [1, S, S]
};

struct Placement {
  double size = 64;  // pixels of the cut-out's longer side
  double angle = 0;  // radians, anticlockwise
  bool mirror = false;
  double centre_x = 0, centre_y = 0;  // pixels
  double shear = 0;                   // x += shear * y about the centre, after the rotation
  double squash = 1;                  // factor of the height, before the shear
};

// The cut-out (RGBA) reduced without aliasing, then turned, sheared and moved with bilinear weights on premultiplied
// colours.
Layer place(const io::Image& cutout, const Placement& placement, int64_t side);

// A random square part of a picture (RGB), at least as large as the canvas where it can be, mirrored half of the time,
// its brightness, contrast and colour varied by up to `jitter`. -> [3, side, side]
at::Tensor draw_backdrop(const io::Image& picture, int64_t side, double jitter, Rng& rng);

// colour * (1 + gain) + offset per channel, drawn within +-jitter, clamped. x [3, H, W]
at::Tensor jitter_colour(const at::Tensor& x, double jitter, Rng& rng);

// Gaussian blur of every channel, sigma in pixels, edges repeated. x [C, H, W]
at::Tensor blur(const at::Tensor& x, double sigma);

// x moved by whole pixels, wrapped around. x [C, H, W]
at::Tensor shift(const at::Tensor& x, int64_t dx, int64_t dy);

// below * (1 - alpha) + above * alpha. [3, S, S], [3, S, S], [1, S, S]
at::Tensor over(const at::Tensor& above, const at::Tensor& alpha, const at::Tensor& below);

// Mean and standard deviation of each channel under a weight [1, H, W]. x [3, H, W] -> [3, 1, 1] each
struct Moments {
  at::Tensor mean, std;
};
Moments moments(const at::Tensor& x, const at::Tensor& weight);

}  // namespace cambium::data::composite
