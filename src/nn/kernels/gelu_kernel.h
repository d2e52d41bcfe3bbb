#pragma once
// Exact GELU of bfloat16 values with AVX-512 BF16, and its gradient.
#include <cstdint>

namespace cambium::nn::kernels {

// y = x Phi(x) over `count` values. Both need AVX-512 BF16 (core/device.h); without it they must not be called.
void gelu_forward(const uint16_t* x, uint16_t* y, int64_t count);
// dx = dy (Phi(x) + x phi(x))
void gelu_backward(const uint16_t* x, const uint16_t* dy, uint16_t* dx, int64_t count);

}  // namespace cambium::nn::kernels
