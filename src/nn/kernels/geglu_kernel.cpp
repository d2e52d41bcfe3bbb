#include "nn/kernels/geglu_kernel.h"

#include "core/device.h"
#include "nn/kernels/portable_math.h"

namespace cambium::nn::kernels {
namespace {

template <class T>
CAMBIUM_INLINE void forward(const T* __restrict x, T* __restrict y, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* __restrict value = x + row * 2 * width;
    const T* __restrict gate = value + width;
    T* __restrict out = y + row * width;
    for (int64_t i = 0; i < width; ++i) {
      const float g = to_float(gate[i]);
      out[i] = from_float<T>(to_float(value[i]) * g * normal_at(g).cumulative);
    }
  }
}

template <class T>
CAMBIUM_INLINE void backward(const T* __restrict x, const T* __restrict dy, T* __restrict dx, int64_t rows,
                             int64_t width) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* __restrict value = x + row * 2 * width;
    const T* __restrict gate = value + width;
    const T* __restrict grad = dy + row * width;
    T* __restrict dvalue = dx + row * 2 * width;
    T* __restrict dgate = dvalue + width;
    for (int64_t i = 0; i < width; ++i) {
      const float g = to_float(gate[i]), d = to_float(grad[i]);
      const NormalAt n = normal_at(g);
      dvalue[i] = from_float<T>(d * g * n.cumulative);
      dgate[i] = from_float<T>(d * to_float(value[i]) * (n.cumulative + g * n.density));
    }
  }
}

// The same loops, compiled for three instruction sets.
template <class T>
CAMBIUM_TARGET_AVX512 void forward_avx512(const T* x, T* y, int64_t rows, int64_t width) {
  forward(x, y, rows, width);
}
template <class T>
CAMBIUM_TARGET_AVX2 void forward_avx2(const T* x, T* y, int64_t rows, int64_t width) {
  forward(x, y, rows, width);
}
template <class T>
CAMBIUM_TARGET_AVX512 void backward_avx512(const T* x, const T* dy, T* dx, int64_t rows, int64_t width) {
  backward(x, dy, dx, rows, width);
}
template <class T>
CAMBIUM_TARGET_AVX2 void backward_avx2(const T* x, const T* dy, T* dx, int64_t rows, int64_t width) {
  backward(x, dy, dx, rows, width);
}

template <class T>
void forward_for_this_cpu(const T* x, T* y, int64_t rows, int64_t width) {
  if (cpu_features().avx512) return forward_avx512(x, y, rows, width);
  if (cpu_features().avx2) return forward_avx2(x, y, rows, width);
  forward(x, y, rows, width);
}

template <class T>
void backward_for_this_cpu(const T* x, const T* dy, T* dx, int64_t rows, int64_t width) {
  if (cpu_features().avx512) return backward_avx512(x, dy, dx, rows, width);
  if (cpu_features().avx2) return backward_avx2(x, dy, dx, rows, width);
  backward(x, dy, dx, rows, width);
}

}  // namespace

void geglu_forward(const float* x, float* y, int64_t rows, int64_t width) { forward_for_this_cpu(x, y, rows, width); }
void geglu_forward(const uint16_t* x, uint16_t* y, int64_t rows, int64_t width) {
  forward_for_this_cpu(x, y, rows, width);
}
void geglu_backward(const float* x, const float* dy, float* dx, int64_t rows, int64_t width) {
  backward_for_this_cpu(x, dy, dx, rows, width);
}
void geglu_backward(const uint16_t* x, const uint16_t* dy, uint16_t* dx, int64_t rows, int64_t width) {
  backward_for_this_cpu(x, dy, dx, rows, width);
}

}  // namespace cambium::nn::kernels
