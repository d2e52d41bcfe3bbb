#pragma once
// Convolution over pixels, channels-last in memory from end to end.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/packed_linear.h"

namespace cambium::nn {

struct Conv2dOptions {
  int64_t in = 0, out = 0, kernel = 1;
  int64_t stride = 1, padding = 0, groups = 1;
  bool bias = true;
};

// Computed in x's dtype; weight and bias are cast if they differ.
// x [B, in, H, W], weight [out, in / groups, K, K], bias [out] or undefined -> [B, out, H', W'], channels-last in
// memory
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const Conv2dOptions& options);

class Conv2d : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit Conv2d(const Conv2dOptions& options);

  // x [B, in, H, W] -> [B, out, H', W'] in x's dtype, channels-last in memory
  at::Tensor forward(const at::Tensor& x) const;
  // forward(x) + residual, in one pass where no gradient is wanted. residual [B, out, H', W']
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual) const;
  // PyTorch's default: uniform within fan_in^-1/2.
  void initialize(at::Generator& generator);

  const Conv2dOptions& options() const { return options_; }
  // Bytes that the packed copy of the weight takes now.
  int64_t packed_bytes() const { return product_->bytes() + convolution_->bytes(); }

  at::Tensor weight;  // [out, in / groups, K, K]
  at::Tensor bias;    // [out], or undefined

 private:
  at::Tensor packed(const at::Tensor& x, const at::Tensor& residual) const;
  at::Tensor packed_product(const at::Tensor& x, const at::Tensor& residual) const;

  Conv2dOptions options_;
  // The packed copy of the weight: of a 1x1 convolution, which is a product, or of another.
  std::shared_ptr<kernels::PackedLinear> product_ = std::make_shared<kernels::PackedLinear>();
  std::shared_ptr<kernels::PackedConvolution> convolution_ = std::make_shared<kernels::PackedConvolution>();
};

// The pixels of an image as rows, and back. x [B, C, H, W] <-> [B, H * W, C]; views of what is channels-last.
at::Tensor pixel_rows(const at::Tensor& x);
at::Tensor rows_to_pixels(const at::Tensor& rows, int64_t height, int64_t width);

}  // namespace cambium::nn
