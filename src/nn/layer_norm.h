#pragma once
// Layer normalisation over the last dimension, always computed in float32.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace cambium::nn {

struct LayerNormOptions {
  int64_t width = 0;
  double eps = 1e-5;
};

class LayerNorm : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit LayerNorm(const LayerNormOptions& options);

  // x [..., W] -> [..., W] in x's dtype.
  at::Tensor forward(const at::Tensor& x) const;

  const LayerNormOptions& options() const { return options_; }

  at::Tensor weight, bias;  // [W]

 private:
  LayerNormOptions options_;
};

}  // namespace cambium::nn
