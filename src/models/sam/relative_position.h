#pragma once
// Decomposed relative positions of the image encoder (ViTDet, arXiv 2203.16527; MViTv2, arXiv 2112.01526, section 4.1).
#include <ATen/core/Tensor.h>

#include "nn/attention.h"

namespace cambium::sam {

// The relative positions of every query and key along one axis. table [L, D], interpolated linearly where L is not
// 2 * max(queries, keys) - 1; differentiable in it. -> [queries, keys, D]
at::Tensor get_rel_pos(int64_t queries, int64_t keys, const at::Tensor& table);

// Attention with relative positions where `extra` keys and values have none. Every query's scores with the rows and the
// columns are appended to it as features, and which row and column a key stands in to the key, so that any attention
// kernel adds them. q, k, v [B, H, T, D] on a grid of height x width = T; extra_k, extra_v [H, N, D] -> [B, T, H * D]
at::Tensor attention_with_extra_keys(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const at::Tensor& extra_k, const at::Tensor& extra_v,
                                     const nn::RelativePosition& rel_pos);

}  // namespace cambium::sam
