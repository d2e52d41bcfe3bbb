#include "models/video_ldm/temporal_convolution.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

#include "nn/initialize.h"

namespace cambium::video_ldm {

TemporalConvolution::TemporalConvolution(const TemporalConvolutionOptions& options) {
  weight = register_parameter("weight", at::empty({options.out, options.in, 3, 1, 1}));
  bias = register_parameter("bias", at::empty({options.out}));
}

at::Tensor TemporalConvolution::convolve(const at::Tensor& x, int64_t padding) const {
  const auto dtype = x.scalar_type();
  return at::conv2d(x.contiguous(at::MemoryFormat::ChannelsLast), weight.squeeze(-1).to(dtype), bias.to(dtype),
                    /*stride=*/1, {padding, 0});
}

at::Tensor TemporalConvolution::forward(const at::Tensor& x) const { return convolve(x, 1); }

at::Tensor TemporalConvolution::forward_inner(const at::Tensor& x) const { return convolve(x, 0); }

void TemporalConvolution::initialize(at::Generator& generator) {
  nn::initialize_uniform(weight, bias, weight.numel() / weight.size(0), generator);
}

}  // namespace cambium::video_ldm
