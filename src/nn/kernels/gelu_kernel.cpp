#include "nn/kernels/gelu_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/avx512.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int kLanes = 16;

// Phi(x) and phi(x) of the standard normal distribution. erf is Abramowitz and Stegun's 7.1.26, within 1.5e-7; its
// exponential is the density's too.
struct Normal {
  __m512 cumulative, density;
};

inline __m512 set(float x) { return _mm512_set1_ps(x); }

// e^x for x <= 0.
inline __m512 exp_nonpositive(__m512 x) {
  // Bounded, as infinity less its rounding is no number. The maximum passes its second operand's NaN.
  const __m512 t = _mm512_max_ps(set(-200.0f), _mm512_mul_ps(x, set(1.4426950408889634f)));
  const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(t, n);  // [-0.5, 0.5]
  __m512 y = set(1.3333558e-3f);
  y = _mm512_fmadd_ps(y, f, set(9.6181291e-3f));
  y = _mm512_fmadd_ps(y, f, set(5.5504109e-2f));
  y = _mm512_fmadd_ps(y, f, set(2.4022651e-1f));
  y = _mm512_fmadd_ps(y, f, set(6.9314718e-1f));
  y = _mm512_fmadd_ps(y, f, set(1.0f));
  return _mm512_scalef_ps(y, n);
}

inline Normal normal(__m512 x) {
  const __m512 e = exp_nonpositive(_mm512_mul_ps(_mm512_mul_ps(x, x), set(-0.5f)));
  const __m512 t =
      _mm512_div_ps(set(1.0f), _mm512_fmadd_ps(_mm512_abs_ps(x), set(0.3275911f * 0.70710678f), set(1.0f)));
  __m512 p = set(1.061405429f);
  p = _mm512_fmadd_ps(p, t, set(-1.453152027f));
  p = _mm512_fmadd_ps(p, t, set(1.421413741f));
  p = _mm512_fmadd_ps(p, t, set(-0.284496736f));
  p = _mm512_fmadd_ps(p, t, set(0.254829592f));
  const __m512 tail = _mm512_mul_ps(_mm512_mul_ps(p, t), _mm512_mul_ps(e, set(0.5f)));  // 1 - Phi(|x|)
  const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  return {.cumulative = _mm512_mask_mov_ps(_mm512_sub_ps(set(1.0f), tail), negative, tail),
          .density = _mm512_mul_ps(e, set(0.39894228f))};
}

inline __mmask16 lanes(int64_t count) { return count >= kLanes ? __mmask16(0xffff) : __mmask16((1u << count) - 1); }

inline __m512 load(const uint16_t* p, __mmask16 mask) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p)), 16));
}
inline void store(uint16_t* p, __mmask16 mask, __m512 x) {
  _mm256_mask_storeu_epi16(p, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

}  // namespace

void gelu_forward(const uint16_t* x, uint16_t* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = lanes(count - i);
    const __m512 v = load(x + i, mask);
    store(y + i, mask, _mm512_mul_ps(v, normal(v).cumulative));
  }
}

void gelu_backward(const uint16_t* x, const uint16_t* dy, uint16_t* dx, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = lanes(count - i);
    const __m512 v = load(x + i, mask);
    const Normal n = normal(v);
    store(dx + i, mask, _mm512_mul_ps(load(dy + i, mask), _mm512_fmadd_ps(v, n.density, n.cumulative)));
  }
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
void gelu_forward(const uint16_t*, uint16_t*, int64_t) {}
void gelu_backward(const uint16_t*, const uint16_t*, uint16_t*, int64_t) {}
}  // namespace cambium::nn::kernels
#endif
