#pragma once
// Elementwise kernels as differentiable tensor functions.
#include <ATen/core/Tensor.h>

namespace cambium::nn::kernels {

// Whether `gelu` takes this: bfloat16, contiguous in some memory format, on a CPU with AVX-512 BF16.
bool gelu_takes(const at::Tensor& x);

// x Phi(x), several times faster than the stock operator and its gradient.
at::Tensor gelu(const at::Tensor& x);

// Whether `geglu` takes this: float32 or bfloat16 on the CPU, contiguous.
bool geglu_takes(const at::Tensor& x);

// a * gelu(g) of [a, g] = x, in one pass, and its gradient in another. x [..., 2 W] -> [..., W]
at::Tensor geglu(const at::Tensor& x);

}  // namespace cambium::nn::kernels
