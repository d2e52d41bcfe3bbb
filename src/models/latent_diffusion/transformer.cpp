#include "models/latent_diffusion/transformer.h"

#include "nn/module_path.h"

namespace cambium::latent_diffusion {

Transformer::Transformer(const TransformerOptions& options) {
  const int64_t channels = options.channels;
  norm_ = register_module("norm", std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                      .groups = options.groups, .channels = channels, .eps = 1e-6}));
  const nn::LinearOptions linear{.in = channels, .out = channels};
  const nn::Conv2dOptions convolution{.in = channels, .out = channels};
  if (options.linear_projection) {
    linear_in_ = register_module("proj_in", std::make_shared<nn::Linear>(linear));
  } else {
    conv_in_ = register_module("proj_in", std::make_shared<nn::Conv2d>(convolution));
  }
  for (int64_t d = 0; d < options.depth; ++d)
    blocks_.push_back(nn::register_at(*this, "transformer_blocks." + std::to_string(d),
                                      std::make_shared<TransformerBlock>(TransformerBlockOptions{
                                          .width = channels,
                                          .heads = options.heads,
                                          .context_width = options.context_width,
                                          .only_cross_attention = options.only_cross_attention})));
  if (options.linear_projection) {
    linear_out_ = register_module("proj_out", std::make_shared<nn::Linear>(linear));
  } else {
    conv_out_ = register_module("proj_out", std::make_shared<nn::Conv2d>(convolution));
  }
}

std::vector<BlockContext> Transformer::project(const at::Tensor& context) const {
  std::vector<BlockContext> out;
  for (const auto& block : blocks_) out.push_back(block->project(context));
  return out;
}

at::Tensor Transformer::project_in(const at::Tensor& x) const {
  const at::Tensor normed = norm_->forward(x);
  return linear_in_ ? linear_in_->forward(nn::pixel_rows(normed)) : nn::pixel_rows(conv_in_->forward(normed));
}

at::Tensor Transformer::project_out(const at::Tensor& tokens, const at::Tensor& x) const {
  const int64_t height = x.size(2), width = x.size(3);
  if (linear_out_) return nn::rows_to_pixels(linear_out_->forward_add(tokens, nn::pixel_rows(x)), height, width);
  return conv_out_->forward_add(nn::rows_to_pixels(tokens, height, width), x);
}

at::Tensor Transformer::forward(const at::Tensor& x, const std::vector<BlockContext>& context,
                                const Injection* injection, int64_t place) const {
  at::Tensor tokens = project_in(x);  // [N, h * w, C]
  for (size_t d = 0; d < blocks_.size(); ++d) {
    tokens = blocks_[d]->forward(tokens, context[d]);
    if (injection) tokens = injection->after_attention(place, static_cast<int64_t>(d), tokens);
  }
  return project_out(tokens, x);
}

}  // namespace cambium::latent_diffusion
