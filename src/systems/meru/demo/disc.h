#pragma once
#include <string>
#include <vector>

#include "report/html.h"
#include "systems/meru/demo/page.h"

namespace cambium::systems::meru::demo {

// The Poincare disc of a few branches of the tree, words and held-out pictures in place. The radius is exact (each
// point's own distance from the root); the angle puts like directions side by side (metrics/disc_layout.h). If the
// pictures lie far out, a second figure enlarges the middle.
std::vector<report::Figure> emoji_discs(const PageInputs& inputs);

// A PNG of one row of u8 [N, 3, S, S].
std::string picture_png(const at::Tensor& pixels);

}  // namespace cambium::systems::meru::demo
