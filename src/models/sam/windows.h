#pragma once
// Windows of a grid of tokens, each cut and put back in one pass over the memory.
#include <ATen/core/Tensor.h>

namespace cambium::sam {

// x [B, H, W, C] cut into windows of size x size, row by row, the last ones padded on the right and at the bottom with
// `fill` [C] (undefined: zeros) -> [B * windows, size, size, C]. Differentiable in x and fill.
at::Tensor window_partition(const at::Tensor& x, int64_t size, const at::Tensor& fill = {});

// The reverse, without the padding. windows [B * windows, size, size, C] -> [B, height, width, C], contiguous
at::Tensor window_unpartition(const at::Tensor& windows, int64_t height, int64_t width);

}  // namespace cambium::sam
