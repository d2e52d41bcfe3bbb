#include "models/video_ldm/temporal_residual_block.h"

#include <ATen/ops/silu.h>

#include "models/video_ldm/frames.h"

namespace cambium::video_ldm {

TemporalResidualBlock::TemporalResidualBlock(const TemporalResidualOptions& options) {
  const auto norm = [&](const char* name) {
    return register_module(name, std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                     .groups = options.groups, .channels = options.channels, .eps = options.eps}));
  };
  const auto convolution = [&](const char* name) {
    return register_module(name, std::make_shared<TemporalConvolution>(
                                     TemporalConvolutionOptions{.in = options.channels, .out = options.channels}));
  };
  norm1_ = norm("norm1");
  conv1_ = convolution("conv1");
  if (options.time_width > 0)
    time_emb_proj_ = register_module("time_emb_proj", std::make_shared<nn::Linear>(nn::LinearOptions{
                                                          .in = options.time_width, .out = options.channels}));
  norm2_ = norm("norm2");
  conv2_ = convolution("conv2");
}

at::Tensor TemporalResidualBlock::branch(const at::Tensor& x, int64_t frames, const at::Tensor& time_embedding) const {
  at::Tensor h = conv1_->forward(norm1_->forward_silu(frames_as_rows(x, frames)));  // [b, C, t, h * w]
  if (time_emb_proj_) {
    const at::Tensor shift = time_emb_proj_->forward(at::silu(time_embedding).to(h.scalar_type()));  // [b * t, C]
    h = h + unfold_frames(shift, frames).transpose(1, 2).unsqueeze(3);
  }
  h = conv2_->forward(norm2_->forward_silu(h));
  return rows_as_frames(h, x.size(2), x.size(3));
}

}  // namespace cambium::video_ldm
