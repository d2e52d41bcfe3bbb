#include "models/latent_diffusion/autoencoder_encoder.h"

#include "nn/module_path.h"

namespace cambium::latent_diffusion {

Encoder::Encoder(const AutoencoderOptions& options) {
  const auto& widths = options.block_out_channels;
  const int64_t groups = options.norm_groups, deepest = widths.back();
  conv_in_ =
      register_module("conv_in", std::make_shared<nn::Conv2d>(nn::Conv2dOptions{
                                     .in = options.image_channels, .out = widths.front(), .kernel = 3, .padding = 1}));
  int64_t width = widths.front();
  for (size_t i = 0; i < widths.size(); ++i) {
    Level level;
    const std::string block = "down_blocks." + std::to_string(i);
    for (int64_t j = 0; j < options.layers_per_block; ++j) {
      level.blocks.push_back(
          register_residual(*this, block + ".resnets." + std::to_string(j), width, widths[i], groups));
      width = widths[i];
    }
    if (i + 1 < widths.size())
      level.downsampler = nn::register_at(
          *this, block + ".downsamplers.0.conv",
          std::make_shared<nn::Conv2d>(nn::Conv2dOptions{.in = width, .out = width, .kernel = 3, .stride = 2}));
    levels_.push_back(std::move(level));
  }
  before_ = register_residual(*this, "mid_block.resnets.0", deepest, deepest, groups);
  if (options.middle_attention)
    attention_ = nn::register_at(*this, "mid_block.attentions.0", std::make_shared<PixelAttention>(deepest, groups));
  after_ = register_residual(*this, "mid_block.resnets.1", deepest, deepest, groups);
  conv_norm_out_ =
      register_module("conv_norm_out", std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                           .groups = groups, .channels = deepest, .eps = kAutoencoderEps}));
  conv_out_ =
      register_module("conv_out", std::make_shared<nn::Conv2d>(nn::Conv2dOptions{
                                      .in = deepest, .out = 2 * options.latent_channels, .kernel = 3, .padding = 1}));
}

at::Tensor Encoder::forward(const at::Tensor& x) const {
  at::Tensor h = conv_in_->forward(x);
  for (const Level& level : levels_) {
    for (const auto& block : level.blocks) h = block->forward(h);
    if (level.downsampler) h = downsample(h, *level.downsampler);
  }
  h = before_->forward(h);
  if (attention_) h = attention_->forward(h);
  h = after_->forward(h);
  return conv_out_->forward(conv_norm_out_->forward_silu(h));
}

}  // namespace cambium::latent_diffusion
