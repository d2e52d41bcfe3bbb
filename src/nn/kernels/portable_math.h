#pragma once
// Arithmetic for loops that the compiler turns into vector code, once for each instruction set:
// branch-free, inlined always, so that it takes its caller's instructions.
#include <bit>
#include <cstdint>

namespace cambium::nn::kernels {

#define CAMBIUM_INLINE [[gnu::always_inline]] inline

CAMBIUM_INLINE float to_float(float x) { return x; }
CAMBIUM_INLINE float to_float(uint16_t bf16) { return std::bit_cast<float>(static_cast<uint32_t>(bf16) << 16); }

template <class T>
CAMBIUM_INLINE T from_float(float x);
template <>
CAMBIUM_INLINE float from_float<float>(float x) {
  return x;
}
// Rounds to the nearest bfloat16, ties to even; what is no number stays none.
template <>
CAMBIUM_INLINE uint16_t from_float<uint16_t>(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>(x == x ? rounded : 0x7fc0u);
}

// e^x within 2e-7 of it, for |x| below 87; beyond, the nearest value of that range.
CAMBIUM_INLINE float exp_of(float x) {
  float t = x * 1.4426950408889634f;
  t = t < -126.0f ? -126.0f : t;
  t = t > 126.0f ? 126.0f : t;
  const float n = (t + 12582912.0f) - 12582912.0f;  // 1.5 * 2^23: rounds to an integer
  const float f = t - n;                            // [-0.5, 0.5]
  float y = 1.5403530e-4f;
  y = y * f + 1.3333558e-3f;
  y = y * f + 9.6181291e-3f;
  y = y * f + 5.5504109e-2f;
  y = y * f + 2.4022651e-1f;
  y = y * f + 6.9314718e-1f;
  y = y * f + 1.0f;
  return y * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

CAMBIUM_INLINE float silu_of(float x) { return x / (1.0f + exp_of(-x)); }

// The standard normal distribution, Phi and phi. erf is Abramowitz and Stegun's 7.1.26, within 1.5e-7.
struct NormalAt {
  float cumulative, density;
};
CAMBIUM_INLINE NormalAt normal_at(float x) {
  const float e = exp_of(x * x * -0.5f), size = x < 0 ? -x : x;
  const float t = 1.0f / (size * (0.3275911f * 0.70710678f) + 1.0f);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float tail = p * t * e * 0.5f;  // 1 - Phi(|x|)
  return {.cumulative = x < 0 ? tail : 1.0f - tail, .density = e * 0.39894228f};
}

// The instruction sets that a loop is compiled for. GCC and Clang take them per function.
#if defined(__x86_64__)
#define CAMBIUM_TARGET_AVX2 [[gnu::target("avx2,fma")]]
#define CAMBIUM_TARGET_AVX512 [[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,fma")]]
#else
#define CAMBIUM_TARGET_AVX2
#define CAMBIUM_TARGET_AVX512
#endif

}  // namespace cambium::nn::kernels
