#pragma once
// Products whose result has keys in rows and D in lanes, summed over queries: what dK and dV need. Only for the
// kernel's own sources.
#include "nn/kernels/attention_keys.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

// Rows [count, D] -> pairs over rows: out[row_pairs][padded] words of (row 2i, row 2i + 1); 0 beyond count and D.
void pack_row_pairs(const uint16_t* rows, int64_t stride, int64_t count, int64_t row_pairs, int64_t head_dim,
                    int64_t padded, uint32_t* out) {
  for (int64_t i = 0; i < row_pairs; ++i, out += padded) {
    for (int64_t d = 0; d < padded; d += kLanes) {
      const __mmask16 mask = first_lanes(head_dim - d);
      const auto load = [&](int64_t row) {
        return row < count ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, rows + row * stride + d))
                           : _mm512_setzero_si512();
      };
      _mm512_store_si512(out + d, _mm512_or_si512(load(2 * i), _mm512_slli_epi32(load(2 * i + 1), 16)));
    }
  }
}

// sums[R][16 N of padded] += weights[R][query pairs] . rows[query pairs][16 N of padded]
template <int R, int N>
inline void accumulate(const uint16_t* weights, int64_t width, const uint32_t* rows, int64_t padded, int64_t pairs,
                       float* sums) {
  __m512 acc[R][N];
#pragma GCC unroll 12
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) acc[i][j] = _mm512_load_ps(sums + i * padded + j * kLanes);
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh r[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) r[j] = as_pairs(_mm512_load_si512(rows + p * padded + j * kLanes));
#pragma GCC unroll 12
    for (int i = 0; i < R; ++i) {
      const __m512bh b = broadcast_pair(weights + i * width + 2 * p);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], r[j], b);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) _mm512_store_ps(sums + i * padded + j * kLanes, acc[i][j]);
  }
}

template <int R, int N>
void accumulate_keys(const uint16_t* weights, int64_t width, const uint32_t* rows, int64_t padded, int64_t pairs,
                     int64_t keys, float* sums) {
  int64_t key = 0;
  for (; key + R <= keys; key += R)
    accumulate<R, N>(weights + key * width, width, rows, padded, pairs, sums + key * padded);
  for (; key < keys; key += 2) accumulate<2, N>(weights + key * width, width, rows, padded, pairs, sums + key * padded);
}

// The same for all of D; keys even. padded is a multiple of 16.
void accumulate_all(const uint16_t* weights, int64_t width, const uint32_t* rows, int64_t padded, int64_t pairs,
                    int64_t keys, float* sums) {
  for (int64_t d = 0; d < padded;) {
    const int64_t left = (padded - d) / kLanes, vectors = left == 5 || left == 3 ? 3 : left >= 4 ? 4 : left;
    const auto run = vectors == 4   ? accumulate_keys<6, 4>
                     : vectors == 3 ? accumulate_keys<8, 3>
                     : vectors == 2 ? accumulate_keys<12, 2>
                                    : accumulate_keys<12, 1>;
    run(weights, width, rows + d, padded, pairs, keys, sums + d);
    d += vectors * kLanes;
  }
}

// factor * sums[count][padded] -> bfloat16 rows at index[i].
void store_rows(const float* sums, float factor, int64_t padded, const KeyList& keys, int64_t head_dim, uint16_t* rows,
                int64_t stride) {
  const __m512 f = _mm512_set1_ps(factor);
  for (int64_t i = 0; i < keys.count; ++i) {
    uint16_t* to = rows + keys.index[i] * stride;
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      const __m256bh half = _mm512_cvtneps_pbh(_mm512_mul_ps(_mm512_load_ps(sums + i * padded + d), f));
      _mm256_mask_storeu_epi16(to + d, first_lanes(head_dim - d), reinterpret_cast<__m256i>(half));
    }
  }
}

// Zeros for the keys that are not in the list.
void clear_hidden_rows(const KeyList& keys, int64_t all, int64_t head_dim, uint16_t* rows, int64_t stride) {
  int64_t next = 0;
  for (int64_t key = 0; key < all; ++key) {
    if (next < keys.count && keys.index[next] == key) {
      ++next;
    } else {
      __builtin_memset(rows + key * stride, 0, static_cast<size_t>(head_dim) * sizeof(uint16_t));
    }
  }
}

}  // namespace
}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END
