#pragma once
// Relative positions and windows of the image encoder (ViTDet, arXiv 2203.16527).
#include <ATen/core/Tensor.h>

#include <utility>

namespace cambium::sam {

// The relative positions of every query and key along one axis. table [L, D], interpolated linearly where L is not
// 2 * max(queries, keys) - 1; differentiable in it. -> [queries, keys, D]
at::Tensor get_rel_pos(int64_t queries, int64_t keys, const at::Tensor& table);

// x [B, H, W, C] padded with zeros to whole windows and cut into them, row by row -> [B * windows, size, size, C].
// The padding takes part in attention, as in the original.
at::Tensor window_partition(const at::Tensor& x, int64_t size);
// The reverse, without the padding. -> [B, height, width, C], contiguous
at::Tensor window_unpartition(const at::Tensor& windows, int64_t size, int64_t height, int64_t width);

}  // namespace cambium::sam
