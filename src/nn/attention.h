#pragma once
// Attention. Every model reaches it through these functions: our kernel where it fits, else LibTorch's.
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>

#include "nn/linear.h"

namespace cambium::nn {

// Segment Anything's decomposed relative positions (ViTDet, "add_decomposed_rel_pos"): queries are a grid of Hq x Wq,
// keys one of Hk x Wk, rows first, and the score of query (h, w) and key (kh, kw) gains q . height[h, kh] + q .
// width[w, kw], with q not scaled.
struct RelativePosition {
  at::Tensor height = {};  // [Hq, Hk, D]
  at::Tensor width = {};   // [Wq, Wk, D]

  bool defined() const { return height.defined(); }
};

struct AttentionOptions {
  bool causal = false;                         // query i sees keys 0..i
  std::optional<double> scale = std::nullopt;  // default head_dim^-0.5
  at::Tensor key_lengths = {};                 // [B] int64: row b sees its first key_lengths[b] keys
  at::Tensor key_mask = {};                    // [B, Tk] bool: true where the row may see the key
  RelativePosition rel_pos = {};
};

// softmax(scale * q k^T + relative positions) v, over the keys that a query may see; 0 for a query that sees none.
// q [B, H, Tq, D], k and v [B, H, Tk, D], any strides -> [B, Tq, H * D]. Never an N x N matrix in memory;
// differentiable in q, k, v and the tables of rel_pos. Error where the tables do not fit the queries and keys.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionOptions& options = {});

// The same where q, k and v are one packed projection. packed [B, T, 3, H, D] -> [B, T, H * D]
at::Tensor self_attention(const at::Tensor& packed, const AttentionOptions& options = {});

// x [B, T, W] at one position per row: positions [B] (int64), or undefined for position 0 -> [B, 1, W]
at::Tensor select_positions(const at::Tensor& x, const at::Tensor& positions);

struct SelfAttentionOptions {
  int64_t width = 0;
  int64_t heads = 0;
  bool causal = false;
  // The checkpoint's names: timm's attn.{qkv,proj}.{weight,bias}, or torch.nn.MultiheadAttention's
  // attn.in_proj_{weight,bias} and attn.out_proj.{weight,bias}. Both pack q, k, v over the output dimension.
  enum class Names { timm, torch } names = Names::timm;

  void validate() const;
};

// Multi-head self-attention with q, k and v in one packed projection, biases everywhere.
class SelfAttention : public torch::nn::Module {
 public:
  explicit SelfAttention(const SelfAttentionOptions& options);

  // x [B, T, W] -> [B, T, W]
  at::Tensor forward(const at::Tensor& x) const;
  // The same, plus `residual`, in one pass where that is faster.
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual) const;
  // The output at one position per row only: for the last block of a tower that pools one token.
  // x [B, T, W], positions [B] (int64) or undefined for position 0 -> [B, 1, W]
  at::Tensor forward_at(const at::Tensor& x, const at::Tensor& positions) const;

  const std::shared_ptr<Linear>& qkv() const { return qkv_; }
  const std::shared_ptr<Linear>& proj() const { return proj_; }
  const SelfAttentionOptions& options() const { return options_; }

 private:
  at::Tensor attend(const at::Tensor& x) const;

  SelfAttentionOptions options_;
  std::shared_ptr<Linear> qkv_, proj_;
};

}  // namespace cambium::nn
