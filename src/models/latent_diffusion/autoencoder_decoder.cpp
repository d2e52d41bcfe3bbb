#include "models/latent_diffusion/autoencoder_decoder.h"

#include "nn/module_path.h"

namespace cambium::latent_diffusion {

std::shared_ptr<nn::Conv2d> Decoder::convolution(const std::string& path, int64_t in, int64_t out) {
  return nn::register_at(
      *this, path, std::make_shared<nn::Conv2d>(nn::Conv2dOptions{.in = in, .out = out, .kernel = 3, .padding = 1}));
}

void Decoder::add_piece(const std::string& name, int64_t in, int64_t out, int64_t scale, const Layer& before) {
  const auto block = register_residual(*this, name + below_, in, out, groups_);
  pieces_.push_back({.name = name, .channels = out, .scale = scale, .forward = [block, before](const at::Tensor& x) {
                       return block->forward(before ? before(x) : x);
                     }});
}

Decoder::Decoder(const AutoencoderOptions& options, const std::string& below, int64_t middle_blocks)
    : groups_(options.norm_groups), below_(below) {
  const std::vector<int64_t> widths(options.block_out_channels.rbegin(), options.block_out_channels.rend());
  int64_t width = widths.front(), scale = 1;
  const auto conv_in = convolution("conv_in", options.latent_channels, width);
  add_piece("mid_block.resnets.0", width, width, scale, [conv_in](const at::Tensor& z) { return conv_in->forward(z); });
  Layer before;
  if (options.middle_attention) {
    const auto attention =
        nn::register_at(*this, "mid_block.attentions.0", std::make_shared<PixelAttention>(width, groups_));
    before = [attention](const at::Tensor& x) { return attention->forward(x); };
  }
  if (middle_blocks > 1) add_piece("mid_block.resnets.1", width, width, scale, before);
  before = {};
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string block = "up_blocks." + std::to_string(i);
    for (int64_t j = 0; j <= options.layers_per_block; ++j) {
      add_piece(block + ".resnets." + std::to_string(j), width, widths[i], scale, before);
      before = {};
      width = widths[i];
    }
    if (i + 1 == widths.size()) break;
    const auto upsampler = convolution(block + ".upsamplers.0.conv", width, width);
    before = [upsampler](const at::Tensor& x) { return upsample(x, *upsampler); };
    scale *= 2;
  }
  conv_norm_out_ = register_module("conv_norm_out", std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                                        .groups = groups_, .channels = width, .eps = kAutoencoderEps}));
  conv_out_ = convolution("conv_out", width, options.image_channels);
}

at::Tensor Decoder::head(const at::Tensor& x) const { return conv_out_->forward(conv_norm_out_->forward_silu(x)); }

at::Tensor Decoder::forward(const at::Tensor& z) const {
  at::Tensor x = z;
  for (const DecoderPiece& piece : pieces_) x = piece.forward(x);
  return head(x);
}

}  // namespace cambium::latent_diffusion
