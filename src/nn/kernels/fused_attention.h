#pragma once
// The fused attention kernel as differentiable tensor functions.
#include <ATen/core/Tensor.h>

namespace cambium::nn::kernels {

struct FusedAttentionOptions {
  bool causal = false;
  double scale = 1;
  at::Tensor key_lengths = {};  // [B] int64 or undefined: row b sees its first key_lengths[b] keys
  at::Tensor key_mask = {};     // [B, Tk] bool or undefined: true where row b sees the key
  at::Tensor height = {};       // relative positions [Hq, Hk, D], or undefined
  at::Tensor width = {};        // [Wq, Wk, D]
};

// Whether the kernel takes these: bfloat16 on a CPU with AVX-512 BF16, an even head size of at most 256.
bool fused_attention_takes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// q [B, H, Tq, D], k and v [B, H, Tk, D] -> [B, Tq, H * D]
at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const FusedAttentionOptions& options);

// The same into `out` [B, Tq, H * D], of any strides but dense rows. No gradient.
void fused_attention_into(const at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const FusedAttentionOptions& options);

// Self-attention of a packed projection, whose gradient is one packed tensor. packed [B, T, 3, H, D] -> [B, T, H * D]
at::Tensor fused_self_attention(const at::Tensor& packed, const FusedAttentionOptions& options);

}  // namespace cambium::nn::kernels
