#pragma once
// The frozen foundation asked in words it knows, as the paper's tables ask SAM: a box around the whole picture, and a
// grid of points (arXiv 2304.09148, section 4.3).
#include <ATen/core/Tensor.h>

#include "models/sam/sam.h"

namespace cambium::systems::sam_adapter::demo {

// images u8 [N, 3, S, S], brought to the foundation's size -> foreground probabilities f32 [N, S, S]
at::Tensor prompt_whole_box(cambium::sam::Sam& model, const at::Tensor& images);

struct GridAnswers {
  at::Tensor chosen;  // f32 [N, S, S]: of all masks of all points, the one that the model itself rates highest
  at::Tensor
      oracle;  // the one that the truth rates highest: no model can know it, so it bounds what the grid could give
};
// `points` a side, three masks each. masks bool [N, S, S]: the truth, for the oracle alone.
GridAnswers prompt_point_grid(cambium::sam::Sam& model, const at::Tensor& images, const at::Tensor& masks,
                              int64_t points = 8);

}  // namespace cambium::systems::sam_adapter::demo
