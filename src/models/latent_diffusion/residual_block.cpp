#include "models/latent_diffusion/residual_block.h"

#include <ATen/ops/silu.h>

namespace cambium::latent_diffusion {

ResidualBlock::ResidualBlock(const ResidualBlockOptions& options) : options_(options) {
  const auto norm = [&](const char* name, int64_t channels) {
    return register_module(name, std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                     .groups = options.groups, .channels = channels, .eps = options.eps}));
  };
  const auto convolution = [&](const char* name, int64_t in, int64_t kernel) {
    return register_module(name, std::make_shared<nn::Conv2d>(nn::Conv2dOptions{
                                     .in = in, .out = options.out, .kernel = kernel, .padding = kernel / 2}));
  };
  norm1_ = norm("norm1", options.in);
  conv1_ = convolution("conv1", options.in, 3);
  if (options.time_width > 0)
    time_emb_proj_ = register_module(
        "time_emb_proj", std::make_shared<nn::Linear>(nn::LinearOptions{.in = options.time_width, .out = options.out}));
  norm2_ = norm("norm2", options.out);
  conv2_ = convolution("conv2", options.out, 3);
  if (options.in != options.out) conv_shortcut_ = convolution("conv_shortcut", options.in, 1);
}

at::Tensor ResidualBlock::forward(const at::Tensor& x, const at::Tensor& time_embedding) const {
  const at::Tensor h = conv1_->forward(norm1_->forward_silu(x));  // [N, out, h, w]
  const at::Tensor time =
      time_emb_proj_ ? time_emb_proj_->forward(at::silu(time_embedding)) : at::Tensor();  // [N, out]
  const at::Tensor shortcut = conv_shortcut_ ? conv_shortcut_->forward(x) : x;
  return conv2_->forward_add(norm2_->forward_silu(h, time), shortcut);
}

}  // namespace cambium::latent_diffusion
