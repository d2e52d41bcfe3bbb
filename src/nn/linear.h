#pragma once
// y = x W^T + b, with the weight as the checkpoint holds it and whatever form multiplies fastest as a private cache.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>

#include "nn/activation.h"
#include "nn/kernels/packed_linear.h"

namespace cambium::nn {

// A term added to a layer's output by something that adapts it (a low-rank pair, for one). Made in peft/.
class LinearDelta {
 public:
  virtual ~LinearDelta() = default;
  // x [..., in] -> [..., out]
  virtual at::Tensor forward(const at::Tensor& x) const = 0;
};

// x W^T + b computed in x's dtype: weight and bias are cast if they differ (float32 masters, bfloat16 compute), and the
// gradients come back in the masters' dtype. x [..., in], weight [out, in], bias [out] or undefined -> [..., out].
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

struct LinearOptions {
  int64_t in = 0;
  int64_t out = 0;
  bool bias = true;
};

class Linear : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit Linear(const LinearOptions& options);

  // x [..., in] -> [..., out], in x's dtype.
  at::Tensor forward(const at::Tensor& x) const;
  // activation(forward(x)), fused where no gradient is wanted.
  at::Tensor forward(const at::Tensor& x, Activation activation) const;
  // forward(x) + residual, fused where no gradient is wanted. residual [..., out]
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual) const;

  const LinearOptions& options() const { return options_; }
  void set_delta(std::shared_ptr<LinearDelta> delta) { delta_ = std::move(delta); }
  const std::shared_ptr<LinearDelta>& delta() const { return delta_; }
  // Bytes that the packed copy of the weight takes now.
  int64_t packed_bytes() const { return packed_->bytes(); }
  // Uses `other`'s packed copy where both weigh with the same memory, now and as long as neither weight is changed.
  void share_packed(const Linear& other);

  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined

 private:
  at::Tensor plain(const at::Tensor& x) const;
  bool fuses(const at::Tensor& x) const;

  LinearOptions options_;
  std::shared_ptr<LinearDelta> delta_;
  std::shared_ptr<kernels::PackedLinear> packed_ = std::make_shared<kernels::PackedLinear>();
};

// Linear::share_packed for all layers of the same names in two models: several adapted models on the same frozen
// weights then keep one packed copy of each.
void share_packed(const torch::nn::Module& from, torch::nn::Module& to);

}  // namespace cambium::nn
