#pragma once
// Group normalisation over rows of channels: the passes over memory, for float32 and bfloat16 (as uint16_t).
#include <cstdint>

namespace cambium::nn::kernels {

// x: `rows` rows of `channels` values. sums [2, channels]: the sum of each channel and of its squares, overwritten;
// scratch [2, channels]. Rows are added in float32, so take at most some hundreds of them.
void channel_sums(const float* x, int64_t rows, int64_t channels, float* scratch, double* sums);
void channel_sums(const uint16_t* x, int64_t rows, int64_t channels, float* scratch, double* sums);

// y = f(scale x + shift) with one scale and one shift per channel, f SiLU or nothing.
void scale_rows(const float* x, float* y, int64_t rows, int64_t channels, const float* scale, const float* shift,
                bool silu);
void scale_rows(const uint16_t* x, uint16_t* y, int64_t rows, int64_t channels, const float* scale, const float* shift,
                bool silu);

}  // namespace cambium::nn::kernels
