#include "nn/kernels/group_norm_kernel.h"

#include "core/device.h"
#include "nn/kernels/portable_math.h"

namespace cambium::nn::kernels {
namespace {

template <class T>
CAMBIUM_INLINE void sum_rows(const T* __restrict x, int64_t rows, int64_t channels, float* __restrict scratch,
                             double* __restrict sums) {
  float* __restrict total = scratch;
  float* __restrict squares = scratch + channels;
  for (int64_t c = 0; c < 2 * channels; ++c) scratch[c] = 0;
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {  // four at a time: the sums are loaded and stored once for them
    const T* __restrict r = x + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = to_float(r[c]), b = to_float(r[c + channels]), d = to_float(r[c + 2 * channels]),
                  e = to_float(r[c + 3 * channels]);
      total[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; ++row) {
    const T* __restrict r = x + row * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = to_float(r[c]);
      total[c] += a;
      squares[c] += a * a;
    }
  }
  for (int64_t c = 0; c < 2 * channels; ++c) sums[c] = scratch[c];
}

template <class T>
CAMBIUM_INLINE void scale(const T* __restrict x, T* __restrict y, int64_t rows, int64_t channels,
                          const float* __restrict factor, const float* __restrict shift, bool silu) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* __restrict in = x + row * channels;
    T* __restrict out = y + row * channels;
    if (silu) {
      for (int64_t c = 0; c < channels; ++c) out[c] = from_float<T>(silu_of(to_float(in[c]) * factor[c] + shift[c]));
    } else {
      for (int64_t c = 0; c < channels; ++c) out[c] = from_float<T>(to_float(in[c]) * factor[c] + shift[c]);
    }
  }
}

// The same loops, compiled for three instruction sets.
template <class T>
CAMBIUM_TARGET_AVX512 void sum_rows_avx512(const T* x, int64_t rows, int64_t channels, float* scratch, double* sums) {
  sum_rows(x, rows, channels, scratch, sums);
}
template <class T>
CAMBIUM_TARGET_AVX2 void sum_rows_avx2(const T* x, int64_t rows, int64_t channels, float* scratch, double* sums) {
  sum_rows(x, rows, channels, scratch, sums);
}
template <class T>
CAMBIUM_TARGET_AVX512 void scale_avx512(const T* x, T* y, int64_t rows, int64_t channels, const float* factor,
                                        const float* shift, bool silu) {
  scale(x, y, rows, channels, factor, shift, silu);
}
template <class T>
CAMBIUM_TARGET_AVX2 void scale_avx2(const T* x, T* y, int64_t rows, int64_t channels, const float* factor,
                                    const float* shift, bool silu) {
  scale(x, y, rows, channels, factor, shift, silu);
}

template <class T>
void sum_for_this_cpu(const T* x, int64_t rows, int64_t channels, float* scratch, double* sums) {
  if (cpu_features().avx512) return sum_rows_avx512(x, rows, channels, scratch, sums);
  if (cpu_features().avx2) return sum_rows_avx2(x, rows, channels, scratch, sums);
  sum_rows(x, rows, channels, scratch, sums);
}

template <class T>
void scale_for_this_cpu(const T* x, T* y, int64_t rows, int64_t channels, const float* factor, const float* shift,
                        bool silu) {
  if (cpu_features().avx512) return scale_avx512(x, y, rows, channels, factor, shift, silu);
  if (cpu_features().avx2) return scale_avx2(x, y, rows, channels, factor, shift, silu);
  scale(x, y, rows, channels, factor, shift, silu);
}

}  // namespace

void channel_sums(const float* x, int64_t rows, int64_t channels, float* scratch, double* sums) {
  sum_for_this_cpu(x, rows, channels, scratch, sums);
}
void channel_sums(const uint16_t* x, int64_t rows, int64_t channels, float* scratch, double* sums) {
  sum_for_this_cpu(x, rows, channels, scratch, sums);
}
void scale_rows(const float* x, float* y, int64_t rows, int64_t channels, const float* factor, const float* shift,
                bool silu) {
  scale_for_this_cpu(x, y, rows, channels, factor, shift, silu);
}
void scale_rows(const uint16_t* x, uint16_t* y, int64_t rows, int64_t channels, const float* factor, const float* shift,
                bool silu) {
  scale_for_this_cpu(x, y, rows, channels, factor, shift, silu);
}

}  // namespace cambium::nn::kernels
