#pragma once
// LibTorch's own oneDNN convolution with a packed weight, channels-last in and out. It has no autograd, so it is
// reached only here: under no-grad, or inside the one autograd function for frozen weights.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>

#include "nn/kernels/weight_stamp.h"

namespace cambium::nn::kernels {

struct ConvolutionShape {
  int64_t stride = 1, padding = 0, groups = 1;
};

// The packed copy of one weight, made at first use and again when the weight has changed. Safe to call from several
// threads. Inputs are what onednn_takes (packed_linear.h) says.
class PackedConvolution {
 public:
  // x [N, in, H, W], weight [out, in / groups, K, K] and bias ([out] or undefined) in any floating dtype
  // -> [N, out, H', W'] in x's dtype. Throws if gradients are recorded and any of them requires one.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     const ConvolutionShape& shape);
  // forward + other, other [N, out, H', W'].
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const ConvolutionShape& shape, const at::Tensor& other);
  // Differentiable in x alone, for a frozen weight.
  at::Tensor forward_frozen(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const ConvolutionShape& shape);

  int64_t bytes() const;

 private:
  struct Copy {
    at::Tensor weight, bias;
  };
  Copy ensure(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvolutionShape& shape);

  mutable std::mutex mutex_;
  Copy copy_;
  WeightStamp weight_stamp_, bias_stamp_;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace cambium::nn::kernels
