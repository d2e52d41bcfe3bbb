#pragma once
// The temporal residual block behind every residual block of the image model (section 3.1, figure 4; the layout is
// Stable Video Diffusion's).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "models/video_ldm/temporal_convolution.h"
#include "nn/group_norm.h"
#include "nn/linear.h"

namespace cambium::video_ldm {

struct TemporalResidualOptions {
  int64_t channels = 0;
  int64_t time_width = 0;  // of the time embedding; 0: none, as in the decoder
  int64_t groups = 32;
  double eps = 1e-5;
};

// GroupNorm, SiLU, convolution over time; + the time embedding; GroupNorm, SiLU, convolution over time. The norms take
// their statistics over all frames of a video together.
class TemporalResidualBlock : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit TemporalResidualBlock(const TemporalResidualOptions& options);

  // What the block adds to its input, which is not in it: whoever mixes needs that alone. x [b * t, C, h, w],
  // time_embedding [b * t, time_width] or undefined -> [b * t, C, h, w]
  at::Tensor branch(const at::Tensor& x, int64_t frames, const at::Tensor& time_embedding = {}) const;

  // The parts, for whoever walks a video in pieces.
  const std::shared_ptr<nn::GroupNorm>& norm1() const { return norm1_; }
  const std::shared_ptr<nn::GroupNorm>& norm2() const { return norm2_; }
  const std::shared_ptr<TemporalConvolution>& conv1() const { return conv1_; }
  const std::shared_ptr<TemporalConvolution>& conv2() const { return conv2_; }

 private:
  std::shared_ptr<nn::GroupNorm> norm1_, norm2_;
  std::shared_ptr<TemporalConvolution> conv1_, conv2_;
  std::shared_ptr<nn::Linear> time_emb_proj_;  // or null
};

}  // namespace cambium::video_ldm
