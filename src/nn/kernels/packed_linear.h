#pragma once
// LibTorch's own oneDNN linear operators, packed and fused. They have no autograd, so they are reached only here: under
// no-grad, or inside the one autograd function for frozen weights.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>

#include "nn/activation.h"

namespace cambium::nn::kernels {

// Whether the oneDNN operators take this input: dense CPU, float32 or (where the CPU multiplies it) bfloat16, not
// empty.
bool onednn_takes(const at::Tensor& x);

// x W^T + b by oneDNN with the weight as it is, differentiable: in float32 LibTorch's stock product reaches less than
// half of the rate on CPUs that its math library does not favour, in bfloat16 it adds the bias in a pass of its own.
at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

enum class Fuse { none, gelu };

// The packed copy of one weight, made at first use and again when the weight has changed. Opaque: it has no storage, is
// never saved and never moved. Safe to call from several threads.
class PackedLinear {
 public:
  // x [..., in], weight [out, in] and bias ([out] or undefined) in any floating dtype -> [..., out] in x's dtype.
  // Throws if gradients are recorded and any of them requires one: the operator would silently give none.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Fuse fuse);
  // forward + other, other [..., out].
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const at::Tensor& other);
  // Differentiable in x alone, for a frozen weight: forward packed, backward dy W.
  at::Tensor forward_frozen(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

  int64_t bytes() const;

 private:
  struct Copy {
    at::Tensor weight, bias;
  };
  Copy ensure(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

  mutable std::mutex mutex_;
  Copy copy_;
  const void* source_ = nullptr;
  const void* bias_source_ = nullptr;
  uint64_t version_ = 0, bias_version_ = 0;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace cambium::nn::kernels
