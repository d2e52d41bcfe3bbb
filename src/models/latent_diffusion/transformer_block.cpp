#include "models/latent_diffusion/transformer_block.h"

namespace cambium::latent_diffusion {

TransformerBlock::TransformerBlock(const TransformerBlockOptions& options) : options_(options) {
  const auto norm = [&](const char* name) {
    return register_module(name, std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = options.width}));
  };
  const auto attention = [&](const char* name, bool reads_context) {
    return register_module(name, std::make_shared<nn::Attention>(nn::CrossAttentionOptions{
                                     .width = options.width,
                                     .heads = options.heads,
                                     .context_width = reads_context ? options.context_width : 0}));
  };
  norm1_ = norm("norm1");
  attn1_ = attention("attn1", options.only_cross_attention);
  norm2_ = norm("norm2");
  attn2_ = attention("attn2", true);
  norm3_ = norm("norm3");
  ff_ = register_module("ff", std::make_shared<nn::FeedForward>(nn::FeedForwardOptions{.width = options.width}));
}

BlockContext TransformerBlock::project(const at::Tensor& context) const {
  return {.first = options_.only_cross_attention ? attn1_->project(context) : nn::KeysValues{},
          .second = attn2_->project(context)};
}

at::Tensor TransformerBlock::forward(const at::Tensor& tokens, const at::Tensor& context) const {
  return forward(tokens, project(context));
}

at::Tensor TransformerBlock::forward(const at::Tensor& tokens, const BlockContext& context) const {
  const at::Tensor normed = norm1_->forward(tokens);
  at::Tensor x = context.first.defined() ? attn1_->forward_add(normed, tokens, context.first)
                                         : attn1_->forward_add(normed, tokens);  // [N, T, C]
  x = attn2_->forward_add(norm2_->forward(x), x, context.second);
  return ff_->forward_add(norm3_->forward(x), x);
}

}  // namespace cambium::latent_diffusion
