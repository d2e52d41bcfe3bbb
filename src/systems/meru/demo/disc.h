#pragma once
#include <string>

#include "systems/meru/demo/page.h"

namespace cambium::systems::meru::demo {

// The Poincare disc of a few branches of the tree, words and held-out pictures in place. The radius is exact (each point's
// own distance from the root); the angle is that of a two-dimensional projection of the points' directions.
std::string emoji_disc(const PageInputs& inputs);

// A PNG of one row of u8 [N, 3, S, S].
std::string picture_png(const at::Tensor& pixels);

}  // namespace cambium::systems::meru::demo
