#pragma once
// The gradient of decomposed relative positions: from the sums of dS over a row or a column of keys to the queries and
// the tables. Strips of up to 16 grid rows, as in attention_relative.h. Only for the kernel's own sources.
#include "nn/kernels/attention_relative.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

struct RelativeGradientStrip {
  float* height = nullptr;      // [key_rows][stride]: sums of dS over the keys of a grid row
  float* width = nullptr;       // [key_columns][stride]: over those of a grid column
  float* rows = nullptr;        // [queries of a strip][D rounded up to 16]: dQ
  float* columns = nullptr;     // [key_columns][16][16]: width for 16 columns, grid rows in lanes
  uint32_t* weights = nullptr;  // [pairs of key rows or columns][16]
  float* mixed = nullptr;       // [D rounded up to 16][16]
  int64_t stride = 0, padded = 0;

  void take(Scratch& s, const RelativeTables& rel, int64_t head_dim) {
    stride = RelativeStrip::stride_of(rel);
    padded = round_up(head_dim, kLanes);
    s.take(height, rel.key_rows * stride);
    s.take(width, rel.key_columns * stride);
    s.take(rows, stride * padded);
    s.take(columns, rel.key_columns * kLanes * kLanes);
    s.take(weights, (rel.key_rows + rel.key_columns + 2) / 2 * kLanes);
    s.take(mixed, padded * kLanes);
  }
};

// lanes [padded][step] float32 times factor, 16 queries in lanes -> rows[i * row_step][padded], added or set.
template <bool kAdd>
inline void lanes_to_rows(const float* lanes, int64_t step, __m512 factor, int64_t count, int64_t padded, float* rows,
                          int64_t row_step) {
  for (int64_t d = 0; d < padded; d += kLanes) {
    __m512i r[16];
    for (int i = 0; i < 16; ++i) r[i] = as_words(_mm512_mul_ps(_mm512_load_ps(lanes + (d + i) * step), factor));
    transpose16(r);
    for (int i = 0; i < 16 && i < count; ++i) {
      float* to = rows + i * row_step + d;
      _mm512_storeu_ps(to, kAdd ? _mm512_add_ps(_mm512_loadu_ps(to), as_floats(r[i])) : as_floats(r[i]));
    }
  }
}

// Takes over a finished tile, whose first query is the strip's query `at`.
template <int NQ>
void relative_gradient_tile(const AttentionProblem& p, const RelativeTile& drel, const float* dq, int64_t at,
                            int64_t count, const RelativeGradientStrip& s) {
  for (int j = 0; j < NQ; ++j) {
    const __mmask16 mask = first_lanes(count - j * kLanes);
    const auto copy = [&](const float* from, int64_t keys, float* to) {
      for (int64_t k = 0; k < keys; ++k)
        _mm512_mask_storeu_ps(to + k * s.stride + at + j * kLanes, mask, _mm512_load_ps(from + k * kTile + j * kLanes));
    };
    copy(drel.height, p.rel.key_rows, s.height);
    copy(drel.width, p.rel.key_columns, s.width);
    lanes_to_rows<false>(dq + j * kLanes, NQ * kLanes, _mm512_set1_ps(p.scale), count - j * kLanes, s.padded,
                         s.rows + (at + j * kLanes) * s.padded, s.padded);
  }
}

// rows[i * row_step] += sum over k of gradient[k * step][i] * table[k], for 16 queries in lanes. The table's part is
// packed.
inline void add_to_queries(const float* gradient, int64_t step, __mmask16 mask, int64_t keys, const uint32_t* packed,
                           int64_t head_dim, int64_t count, float* rows, int64_t row_step,
                           const RelativeGradientStrip& s) {
  const int64_t pairs = (keys + 1) / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    const __m512 low = _mm512_maskz_loadu_ps(mask, gradient + 2 * i * step);
    const __m512 high = _mm512_maskz_loadu_ps(2 * i + 1 < keys ? mask : 0, gradient + (2 * i + 1) * step);
    _mm512_store_si512(s.weights + i * kLanes, interleave(low, high));
  }
  __builtin_memset(s.mixed, 0, static_cast<size_t>(s.padded * kLanes) * sizeof(float));
  mix<1>(packed, round_up(keys, kGroup) / 2 * kGroup, (head_dim + kGroup - 1) / kGroup, s.weights, pairs, s.mixed);
  lanes_to_rows<true>(s.mixed, kLanes, _mm512_set1_ps(1), count, s.padded, rows, row_step);
}

// table[k] += sum over i < count of gradient[k * step + i * gradient_step] * q[i * q_step].
inline void add_to_table(const float* gradient, int64_t step, int64_t gradient_step, int64_t keys, const uint16_t* q,
                         int64_t q_step, int64_t count, int64_t head_dim, float* table) {
  constexpr int kAtOnce = 8;
  for (int64_t k = 0; k < keys; k += kAtOnce) {
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      const __mmask16 mask = first_lanes(head_dim - d);
      __m512 acc[kAtOnce];
      for (int j = 0; j < kAtOnce; ++j) acc[j] = _mm512_setzero_ps();
      for (int64_t i = 0; i < count; ++i) {
        const __m256i half = _mm256_maskz_loadu_epi16(mask, q + i * q_step + d);
        const __m512 x = as_floats(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
        for (int j = 0; j < kAtOnce; ++j) {
          const int64_t key = k + j < keys ? k + j : k;
          acc[j] = _mm512_fmadd_ps(x, _mm512_set1_ps(gradient[key * step + i * gradient_step]), acc[j]);
        }
      }
      for (int j = 0; j < kAtOnce && k + j < keys; ++j) {
        float* to = table + (k + j) * head_dim + d;
        _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), acc[j]));
      }
    }
  }
}

// Grid rows row..row+rows-1, all of whose tiles were taken over: finishes dQ, and adds to the tables' gradients.
void relative_gradient_strip(const AttentionProblem& p, const AttentionGradients& g, const uint16_t* q,
                             int64_t q_stride, int64_t row, int64_t rows, uint16_t* dq, int64_t dq_stride,
                             const RelativeGradientStrip& s) {
  const RelativeTables& rel = p.rel;
  const int64_t columns = rel.query_columns, d = p.head_dim;
  const int64_t height_words = packed_relative_words(1, rel.key_rows, d),
                width_words = packed_relative_words(1, rel.key_columns, d);
  const uint16_t* first = q + row * columns * q_stride;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t w = 0; w < columns; w += kLanes) {
      add_to_queries(s.height + r * columns + w, s.stride, first_lanes(columns - w), rel.key_rows,
                     g.packed_height + (row + r) * height_words, d, columns - w, s.rows + (r * columns + w) * s.padded,
                     s.padded, s);
    }
    if (g.dheight)
      add_to_table(s.height + r * columns, s.stride, 1, rel.key_rows, first + r * columns * q_stride, q_stride, columns,
                   d, g.dheight + (row + r) * rel.key_rows * d);
  }
  for (int64_t w0 = 0; w0 < columns; w0 += kLanes) {
    const int64_t count = columns - w0 < kLanes ? columns - w0 : kLanes;
    for (int64_t k = 0; k < rel.key_columns; ++k) {
      __m512i x[16];
      for (int i = 0; i < 16; ++i)
        x[i] = _mm512_maskz_loadu_epi32(i < rows ? first_lanes(count) : 0, s.width + k * s.stride + i * columns + w0);
      transpose16(x);
      for (int i = 0; i < 16; ++i) _mm512_store_si512(s.columns + (k * kLanes + i) * kLanes, x[i]);
    }
    for (int64_t w = 0; w < count; ++w) {
      add_to_queries(s.columns + w * kLanes, kLanes * kLanes, 0xffff, rel.key_columns,
                     g.packed_width + (w0 + w) * width_words, d, rows, s.rows + (w0 + w) * s.padded, columns * s.padded,
                     s);
      if (g.dwidth)
        add_to_table(s.width + w0 + w, s.stride, columns, rel.key_columns, first + (w0 + w) * q_stride,
                     columns * q_stride, rows, d, g.dwidth + (w0 + w) * rel.key_columns * d);
    }
  }
  for (int64_t i = 0; i < rows * columns; ++i) {
    for (int64_t c = 0; c < d; c += kLanes) {
      const __m256bh half = _mm512_cvtneps_pbh(_mm512_loadu_ps(s.rows + i * s.padded + c));
      _mm256_mask_storeu_epi16(dq + (row * columns + i) * dq_stride + c, first_lanes(d - c),
                               reinterpret_cast<__m256i>(half));
    }
  }
}

}  // namespace
}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END
