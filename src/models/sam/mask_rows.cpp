#include "models/sam/mask_rows.h"

#include "models/sam/mask_scaler.h"

#if defined(__x86_64__)
#include <immintrin.h>
// Functions carry the instruction set, not the file: everything here is called behind a check of the processor. No
// fused multiply-add, so that all processors give the same numbers.
#define CAMBIUM_AVX2 __attribute__((target("avx2")))
#endif

namespace cambium::sam::kernels {
namespace {

#if defined(__x86_64__)
const bool kAvx2 = __builtin_cpu_supports("avx2");

CAMBIUM_AVX2 int64_t widen_avx2(const float* in, const LinearAxis& axis, float* out) {
  const auto count = static_cast<int64_t>(axis.first.size());
  const __m256 one = _mm256_set1_ps(1);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 a =
        _mm256_i32gather_ps(in, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(axis.first.data() + i)), 4);
    const __m256 b =
        _mm256_i32gather_ps(in, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(axis.second.data() + i)), 4);
    const __m256 w = _mm256_loadu_ps(axis.weight.data() + i);
    _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(one, w), a), _mm256_mul_ps(w, b)));
  }
  return i;
}

CAMBIUM_AVX2 int64_t blend_avx2(const float* upper, const float* lower, float weight, int64_t count, float* out) {
  const __m256 w = _mm256_set1_ps(weight), v = _mm256_set1_ps(1 - weight);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 a = _mm256_mul_ps(v, _mm256_loadu_ps(upper + i)), b = _mm256_mul_ps(w, _mm256_loadu_ps(lower + i));
    _mm256_storeu_ps(out + i, _mm256_add_ps(a, b));
  }
  return i;
}

CAMBIUM_AVX2 int64_t threshold_avx2(const float* in, int64_t count, const Thresholds& thresholds, uint8_t* bits,
                                    Counts& counts) {
  const __m256 mask = _mm256_set1_ps(thresholds.mask), above = _mm256_set1_ps(thresholds.above),
               below = _mm256_set1_ps(thresholds.below);
  const __m256i one = _mm256_set1_epi8(1);
  // 32-bit lanes hold how often they were set; a row has fewer than 2^31 pixels.
  __m256i above_count = _mm256_setzero_si256(), below_count = _mm256_setzero_si256();
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    __m256i set[4];
    for (int k = 0; k < 4; ++k) {
      const __m256 x = _mm256_loadu_ps(in + i + 8 * k);
      set[k] = _mm256_castps_si256(_mm256_cmp_ps(x, mask, _CMP_GT_OQ));
      above_count = _mm256_sub_epi32(above_count, _mm256_castps_si256(_mm256_cmp_ps(x, above, _CMP_GT_OQ)));
      below_count = _mm256_sub_epi32(below_count, _mm256_castps_si256(_mm256_cmp_ps(x, below, _CMP_GT_OQ)));
    }
    // Packing works within halves of 128 bits; the permutation puts the groups of four back in order.
    const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(set[0], set[1]), _mm256_packs_epi32(set[2], set[3]));
    const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bits + i), _mm256_and_si256(ordered, one));
  }
  alignas(32) uint32_t lanes[2][8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes[0]), above_count);
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes[1]), below_count);
  for (int k = 0; k < 8; ++k) {
    counts.above += lanes[0][k];
    counts.below += lanes[1][k];
  }
  return i;
}
#endif

}  // namespace

void widen(const float* in, const LinearAxis& axis, float* out) {
  int64_t i = 0;
#if defined(__x86_64__)
  if (kAvx2) i = widen_avx2(in, axis, out);
#endif
  for (const auto count = static_cast<int64_t>(axis.first.size()); i < count; ++i) {
    out[i] = (1 - axis.weight[i]) * in[axis.first[i]] + axis.weight[i] * in[axis.second[i]];
  }
}

void blend(const float* upper, const float* lower, float w, int64_t count, float* out) {
  int64_t i = 0;
#if defined(__x86_64__)
  if (kAvx2) i = blend_avx2(upper, lower, w, count, out);
#endif
  for (; i < count; ++i) out[i] = (1 - w) * upper[i] + w * lower[i];
}

Counts threshold_row(const float* in, int64_t count, const Thresholds& thresholds, uint8_t* bits) {
  Counts counts;
  int64_t i = 0;
#if defined(__x86_64__)
  if (kAvx2) i = threshold_avx2(in, count, thresholds, bits, counts);
#endif
  for (; i < count; ++i) {
    bits[i] = in[i] > thresholds.mask ? 1 : 0;
    counts.above += in[i] > thresholds.above ? 1 : 0;
    counts.below += in[i] > thresholds.below ? 1 : 0;
  }
  return counts;
}

}  // namespace cambium::sam::kernels
