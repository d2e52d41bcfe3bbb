#pragma once
// Attention through LibTorch's own operators: what runs where our kernel does not (another dtype, another device, a CPU
// without the instructions), and what the kernel is measured against.
#include <ATen/core/Tensor.h>

#include "nn/attention.h"

namespace cambium::nn {

// As attention(): q [B, H, Tq, D], k and v [B, H, Tk, D] -> [B, Tq, H * D]. Differentiable in q, k, v and the tables of
// rel_pos. Where scores need a bias per query and key, queries are taken in blocks, and the blocks are computed again
// in the backward pass: neither pass ever holds [B, H, Tq, Tk].
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const AttentionOptions& options = {});

}  // namespace cambium::nn
