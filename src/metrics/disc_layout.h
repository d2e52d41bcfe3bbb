#pragma once
// Where to draw embeddings of many dimensions in a disc: the distance from the root is kept exactly, the direction is
// squeezed into one angle.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::metrics {

// Angles f64 [N], in radians, such that directions [N, D] that agree lie side by side: they maximise
// sum_ij k_ij cos(a_i - a_j), where k is the cosine similarity of the directions after taking each level's mean away
// (so that the gap between pictures and words does not decide), centred. `level` int64 [N]; undefined means one level.
// Begins at the two leading principal directions and ascends from there; costs N^2 per step.
at::Tensor circular_angles(const at::Tensor& directions, const at::Tensor& level = {}, int64_t steps = 100);

// Points f64 [N, 2] of the Poincare disc at the given distances [N] from its middle: radius tanh(sqrt(c) d / 2).
at::Tensor disc_points(const at::Tensor& angles, const at::Tensor& distances, double curvature);

}  // namespace cambium::metrics
