#pragma once
// The gated GELU a * gelu(g) of rows that hold `width` values a and then as many gates g, and its gradient: for float32
// and bfloat16 (as uint16_t).
#include <cstdint>

namespace cambium::nn::kernels {

// x [rows, 2 width] -> y [rows, width]
void geglu_forward(const float* x, float* y, int64_t rows, int64_t width);
void geglu_forward(const uint16_t* x, uint16_t* y, int64_t rows, int64_t width);
// x [rows, 2 width], dy [rows, width] -> dx [rows, 2 width]
void geglu_backward(const float* x, const float* dy, float* dx, int64_t rows, int64_t width);
void geglu_backward(const uint16_t* x, const uint16_t* dy, uint16_t* dx, int64_t rows, int64_t width);

}  // namespace cambium::nn::kernels
