#pragma once
// The pre-norm transformer block that both towers stack: x += attention(norm(x)); x += mlp(norm(x)).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <span>
#include <string>

#include "nn/attention.h"
#include "nn/layer_norm.h"
#include "nn/mlp.h"

namespace cambium::clip {

struct BlockOptions {
  int64_t width = 0, heads = 0, hidden = 0;
  nn::Activation activation = nn::Activation::gelu;
  bool causal = false;
  // timm: norm1, attn.{qkv,proj}, norm2, mlp.{fc1,fc2}.  torch: ln_1, attn.{in_proj_*,out_proj}, ln_2,
  // mlp.{c_fc,c_proj}.
  nn::SelfAttentionOptions::Names names = nn::SelfAttentionOptions::Names::timm;
};

class Block : public torch::nn::Module {
 public:
  explicit Block(const BlockOptions& options);

  // x [B, T, W] -> [B, T, W]
  at::Tensor forward(const at::Tensor& x) const;
  // One position per row of the output only; positions [B] (int64), or undefined for position 0.
  // x [B, T, W] -> [B, 1, W]
  at::Tensor forward_at(const at::Tensor& x, const at::Tensor& positions) const;

  const std::shared_ptr<nn::SelfAttention>& attention() const { return attention_; }
  const std::shared_ptr<nn::Mlp>& mlp() const { return mlp_; }
  const std::shared_ptr<nn::LayerNorm>& norm1() const { return norm1_; }
  const std::shared_ptr<nn::LayerNorm>& norm2() const { return norm2_; }

 private:
  std::shared_ptr<nn::LayerNorm> norm1_, norm2_;
  std::shared_ptr<nn::SelfAttention> attention_;
  std::shared_ptr<nn::Mlp> mlp_;
};

// x [B, T, W] through the blocks. With checkpointing their activations are computed again in the backward pass.
at::Tensor run_blocks(std::span<const std::shared_ptr<Block>> blocks, at::Tensor x, bool checkpointing);

}  // namespace cambium::clip
