#pragma once
// Group normalisation of channels-last tensors in two passes over memory. Without a gradient.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::nn::kernels {

// Whether the kernel takes this: float32 or bfloat16 on the CPU, [N, C, ...] with the channels next to each other in
// memory and nothing between the pixels, not empty.
bool group_norm_takes(const at::Tensor& x);

struct GroupNormTask {
  int64_t groups = 1;
  double eps = 1e-5;
  bool silu = false;       // f(normalised) with f SiLU, else nothing
  at::Tensor weight = {};  // [C], any floating dtype
  at::Tensor bias = {};    // [C]
  at::Tensor added = {};   // [N, C] or undefined: added to each pixel before the normalisation
};

// x [N, C, ...] -> the same shape, dtype and memory format. The same bits for any number of threads.
at::Tensor group_norm(const at::Tensor& x, const GroupNormTask& task);

}  // namespace cambium::nn::kernels
