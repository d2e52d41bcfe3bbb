#pragma once
// Made-up inputs that golden files describe under `conventions` instead of holding them.
#include <ATen/core/Tensor.h>

#include <string_view>

#include "io/image.h"

namespace cambium::parity {

// rnd(name, shape, scale): (u - 0.5) * 2 * scale, u = uniform(name) (fill.h). float32
at::Tensor rnd(std::string_view name, at::IntArrayRef shape, double scale);

// [sum, sum of absolutes, L2 norm, min, max] of a tensor, in float64
at::Tensor summary(const at::Tensor& t);

// image(h, w, seed): RGB, v = (3x + 5(c+1)y + 7(c+2) (x/8)(y/8) + 11c + 29 seed) mod 256 with integer division, and
// 255 - v/4 inside the disc (y - h/2)^2 + (x - w/3)^2 < (min(h, w)/4)^2.
io::Image image(int64_t height, int64_t width, int64_t seed);

}  // namespace cambium::parity
