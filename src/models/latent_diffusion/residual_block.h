#pragma once
// The residual block of latent diffusion's networks: normalise, SiLU, convolve, twice, around a shortcut. The U-Net's
// take the diffusion time, the autoencoder's do not.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "nn/conv2d.h"
#include "nn/group_norm.h"
#include "nn/linear.h"

namespace cambium::latent_diffusion {

struct ResidualBlockOptions {
  int64_t in = 0, out = 0;
  int64_t time_width = 0;  // of the time embedding; 0: the block takes none
  int64_t groups = 32;
  double eps = 1e-5;  // the autoencoder's: 1e-6
};

// norm1, conv1, time_emb_proj (with a time), norm2, conv2, conv_shortcut (where the channels change).
class ResidualBlock : public torch::nn::Module {
 public:
  explicit ResidualBlock(const ResidualBlockOptions& options);

  // x [N, in, h, w], time_embedding [N, time_width] (undefined without a time) -> [N, out, h, w]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time_embedding = {}) const;

  const ResidualBlockOptions& options() const { return options_; }

 private:
  ResidualBlockOptions options_;
  std::shared_ptr<nn::GroupNorm> norm1_, norm2_;
  std::shared_ptr<nn::Conv2d> conv1_, conv2_, conv_shortcut_;
  std::shared_ptr<nn::Linear> time_emb_proj_;
};

}  // namespace cambium::latent_diffusion
