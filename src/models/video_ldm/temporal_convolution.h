#pragma once
// Convolution over time alone: a (3, 1, 1) kernel.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace cambium::video_ldm {

struct TemporalConvolutionOptions {
  int64_t in = 0, out = 0;
};

// Frames before the first and behind the last count as 0.
class TemporalConvolution : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit TemporalConvolution(const TemporalConvolutionOptions& options);

  // x [b, in, t, h * w] (frames.h) -> [b, out, t, h * w] in x's dtype, channels-last in memory
  at::Tensor forward(const at::Tensor& x) const;
  // The same of the frames between the first and the last alone. x [b, in, t, n] -> [b, out, t - 2, n]
  at::Tensor forward_inner(const at::Tensor& x) const;
  // PyTorch's default for Conv3d: uniform within fan_in^-1/2.
  void initialize(at::Generator& generator);

  at::Tensor weight;  // [out, in, 3, 1, 1]
  at::Tensor bias;    // [out]

 private:
  // padding: frames of 0 on both sides
  at::Tensor convolve(const at::Tensor& x, int64_t padding) const;
};

}  // namespace cambium::video_ldm
