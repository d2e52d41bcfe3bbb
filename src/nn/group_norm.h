#pragma once
// Group normalisation, always computed in float32.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace cambium::nn {

struct GroupNormOptions {
  int64_t groups = 32;
  int64_t channels = 0;
  double eps = 1e-5;

  // UsageError where the groups do not divide the channels.
  void validate() const;
};

// Mean and variance are taken over the channels of a group and over every dimension behind the second.
class GroupNorm : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit GroupNorm(const GroupNormOptions& options);

  // x [N, C, ...] -> the same, in x's dtype and memory format.
  at::Tensor forward(const at::Tensor& x) const;
  // SiLU(forward(x + added)), in one pass where no gradient is wanted. added [N, C], the same for all pixels, or
  // undefined.
  at::Tensor forward_silu(const at::Tensor& x, const at::Tensor& added = {}) const;

  const GroupNormOptions& options() const { return options_; }

  at::Tensor weight, bias;  // [C]

 private:
  bool fuses(const at::Tensor& x, const at::Tensor& added) const;
  at::Tensor fused(const at::Tensor& x, bool silu, const at::Tensor& added) const;

  GroupNormOptions options_;
};

}  // namespace cambium::nn
