#pragma once
// What the autoencoder's encoder and decoder share beside residual blocks: attention between pixels, and the changes of
// resolution.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>

#include "models/latent_diffusion/options.h"
#include "models/latent_diffusion/residual_block.h"
#include "nn/conv2d.h"
#include "nn/cross_attention.h"
#include "nn/group_norm.h"

namespace cambium::latent_diffusion {

inline constexpr double kAutoencoderEps = 1e-6;  // of all its norms

// One head as wide as the pixels: group_norm, to_q, to_k, to_v (all with bias), to_out.0.
class PixelAttention : public nn::Attention {
 public:
  PixelAttention(int64_t channels, int64_t groups);

  // x [N, C, h, w] -> x + attention between its pixels
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<nn::GroupNorm> group_norm_;
};

// The residual block of an autoencoder, without a time, registered below `root` as `path`.
std::shared_ptr<ResidualBlock> register_residual(torch::nn::Module& root, const std::string& path, int64_t in,
                                                 int64_t out, int64_t groups);

// Half the sides, rounded down. Zeros are added on the right and below only, where the U-Net adds them all round.
// convolution: 3x3, stride 2, no padding. [N, C, h, w] -> [N, C, h / 2, w / 2]
at::Tensor downsample(const at::Tensor& x, const nn::Conv2d& convolution);
// Each pixel doubled both ways, then convolved. [N, C, h, w] -> [N, C, 2h, 2w]
at::Tensor upsample(const at::Tensor& x, const nn::Conv2d& convolution);

}  // namespace cambium::latent_diffusion
