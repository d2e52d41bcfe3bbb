#pragma once
// One block of a spatial transformer: attention to the tokens themselves, attention to the context, feed-forward.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "nn/cross_attention.h"
#include "nn/feed_forward.h"
#include "nn/layer_norm.h"

namespace cambium::latent_diffusion {

struct TransformerBlockOptions {
  int64_t width = 0;
  int64_t heads = 1;
  int64_t context_width = 0;
  bool only_cross_attention = false;  // the first attention reads the context too
};

// The context's keys and values of one block.
struct BlockContext {
  nn::KeysValues first = {};  // with only_cross_attention
  nn::KeysValues second = {};
};

// norm1, attn1, norm2, attn2, norm3, ff (diffusers' BasicTransformerBlock); norms with eps 1e-5.
class TransformerBlock : public torch::nn::Module {
 public:
  explicit TransformerBlock(const TransformerBlockOptions& options);

  // tokens [N, T, C], context [B, L, context_width], B dividing N (nn/cross_attention.h) -> [N, T, C]
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& context) const;

  // The same in two steps, so that the first can be kept over the steps of a sampler.
  BlockContext project(const at::Tensor& context) const;
  at::Tensor forward(const at::Tensor& tokens, const BlockContext& context) const;

 private:
  TransformerBlockOptions options_;
  std::shared_ptr<nn::LayerNorm> norm1_, norm2_, norm3_;
  std::shared_ptr<nn::Attention> attn1_, attn2_;
  std::shared_ptr<nn::FeedForward> ff_;
};

}  // namespace cambium::latent_diffusion
