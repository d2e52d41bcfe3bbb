#include "models/latent_diffusion/autoencoder_layers.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "nn/module_path.h"

namespace cambium::latent_diffusion {

PixelAttention::PixelAttention(int64_t channels, int64_t groups)
    : nn::Attention(nn::CrossAttentionOptions{.width = channels, .projection_bias = true}) {
  group_norm_ = register_module("group_norm", std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                                  .groups = groups, .channels = channels, .eps = kAutoencoderEps}));
}

at::Tensor PixelAttention::forward(const at::Tensor& x) const {
  const at::Tensor tokens = nn::pixel_rows(group_norm_->forward(x));  // [N, h * w, C]
  return nn::rows_to_pixels(forward_add(tokens, nn::pixel_rows(x)), x.size(2), x.size(3));
}

std::shared_ptr<ResidualBlock> register_residual(torch::nn::Module& root, const std::string& path, int64_t in,
                                                 int64_t out, int64_t groups) {
  return nn::register_at(root, path,
                         std::make_shared<ResidualBlock>(
                             ResidualBlockOptions{.in = in, .out = out, .groups = groups, .eps = kAutoencoderEps}));
}

at::Tensor downsample(const at::Tensor& x, const nn::Conv2d& convolution) {
  return convolution.forward(at::constant_pad_nd(x, {0, 1, 0, 1}));
}

at::Tensor upsample(const at::Tensor& x, const nn::Conv2d& convolution) {
  return convolution.forward(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
}

}  // namespace cambium::latent_diffusion
