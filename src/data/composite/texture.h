#pragma once
// Textures made by rule, so that free pictures need not cover every kind of ground: clouds, stripes, cells and
// gradients.
#include <ATen/core/Tensor.h>

#include "core/random.h"

namespace cambium::data::composite {

// [3, side, side] in [0, 1]: a pattern of one to four octaves of noise between two or three random colours.
at::Tensor draw_texture(int64_t side, Rng& rng);

}  // namespace cambium::data::composite
