#pragma once
// Attention of short sequences that lie far apart in memory, as the frames of one pixel do.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace cambium::nn {

// Query i sees keys i - reach .. i + reach; without a reach all of them. q, k, v [B, H, T, D] of any strides ->
// [B, T, H * D]; scores are scaled by D^-0.5. Differentiable. A mask of T x T is made where keys are hidden.
at::Tensor near_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::optional<int64_t> reach);

// The same into `out` [B, T, H * D], of any strides but dense rows: the result lies where the next layer wants it,
// without a copy. Error where gradients are recorded.
void near_attention_into(const at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         std::optional<int64_t> reach);

}  // namespace cambium::nn
