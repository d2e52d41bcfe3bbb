#pragma once
// The autoencoder's way down: images to the moments of their latents (Rombach et al. 2022, section 3.1).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/latent_diffusion/autoencoder_layers.h"

namespace cambium::latent_diffusion {

// conv_in, down_blocks.{i}.{resnets.{j},downsamplers.0.conv}, mid_block.{resnets.0,attentions.0,resnets.1},
// conv_norm_out, conv_out.
class Encoder : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit Encoder(const AutoencoderOptions& options);

  // x [N, 3, H, W] -> [N, 2 * latent channels, H / f, W / f]: means, then logarithms of variances
  at::Tensor forward(const at::Tensor& x) const;

  // Of the weights.
  at::ScalarType dtype() const { return conv_in_->weight.scalar_type(); }
  c10::Device device() const { return conv_in_->weight.device(); }

 private:
  struct Level {
    std::vector<std::shared_ptr<ResidualBlock>> blocks;
    std::shared_ptr<nn::Conv2d> downsampler;  // null on the last level
  };

  std::shared_ptr<nn::Conv2d> conv_in_, conv_out_;
  std::vector<Level> levels_;
  std::shared_ptr<ResidualBlock> before_, after_;  // of the middle
  std::shared_ptr<PixelAttention> attention_;      // or null
  std::shared_ptr<nn::GroupNorm> conv_norm_out_;
};

}  // namespace cambium::latent_diffusion
