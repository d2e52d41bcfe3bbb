#pragma once
// Decomposed relative positions for the kernel: q . height[h, kh] and q . width[w, kw] as small float32 tables with
// queries in lanes, made for a strip of up to 16 grid rows at a time, so that each product fills its lanes: along a row
// for the heights, down a column for the widths. Only for the kernel's own sources.
#include "nn/kernels/attention_keys.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int64_t kStripRows = kLanes;

struct RelativeStrip {
  float* height = nullptr;    // [key_rows][stride], log2 units
  float* width = nullptr;     // [key_columns][stride]
  float* columns = nullptr;   // [key_columns][16][16]: widths of 16 columns, grid rows in lanes
  uint32_t* lanes = nullptr;  // [D/2][16]
  int64_t stride = 0;         // queries of a strip, and a little more
  // Odd in lines, so that the rows of a table do not all fall into one set of the cache.
  static int64_t stride_of(const RelativeTables& rel) { return round_up(kStripRows * rel.query_columns, 32) + kLanes; }

  void take(Scratch& s, const RelativeTables& rel, int64_t head_dim) {
    stride = stride_of(rel);
    s.take(height, rel.key_rows * stride);
    s.take(width, rel.key_columns * stride);
    s.take(columns, rel.key_columns * kLanes * kLanes);
    s.take(lanes, head_dim / 2 * kLanes);
  }
};

// to(k, log2(e) * rows[k] . lanes) for k < count.
template <class Store>
inline void relative_products(const uint16_t* rows, int64_t count, int64_t head_dim, const uint32_t* lanes,
                              const Store& to) {
  const __m512 unit = _mm512_set1_ps(kLog2E);
  int64_t k = 0;
  const auto run = [&]<int R>() __attribute__((always_inline)) {
    for (; k + R <= count; k += R) {
      __m512 acc[R];
      row_products<R>(rows + k * head_dim, head_dim, lanes, head_dim / 2, acc);
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i) to(k + i, _mm512_mul_ps(acc[i], unit));
    }
  };
  run.template operator()<16>();
  run.template operator()<14>();
  run.template operator()<4>();
  run.template operator()<1>();
}

// Grid rows row..row+rows-1 (rows <= 16). q: the first row of the head's queries.
void relative_strip(const RelativeTables& rel, int64_t head_dim, const uint16_t* q, int64_t stride, int64_t row,
                    int64_t rows, RelativeStrip& s) {
  const int64_t columns = rel.query_columns;
  for (int64_t r = 0; r < rows; ++r) {
    const uint16_t* table = rel.height + (row + r) * rel.key_rows * head_dim;
    for (int64_t w = 0; w < columns; w += kLanes) {
      pack_lanes(q + ((row + r) * columns + w) * stride, stride, columns - w, head_dim, 1, s.lanes);
      float* to = s.height + r * columns + w;
      const __mmask16 mask = first_lanes(columns - w);
      relative_products(table, rel.key_rows, head_dim, s.lanes,
                        [&](int64_t k, __m512 x) { _mm512_mask_storeu_ps(to + k * s.stride, mask, x); });
    }
  }
  for (int64_t w0 = 0; w0 < columns; w0 += kLanes) {
    const int64_t count = columns - w0 < kLanes ? columns - w0 : kLanes;
    for (int64_t w = 0; w < count; ++w) {
      pack_lanes(q + (row * columns + w0 + w) * stride, stride * columns, rows, head_dim, 1, s.lanes);
      relative_products(rel.width + (w0 + w) * rel.key_columns * head_dim, rel.key_columns, head_dim, s.lanes,
                        [&](int64_t k, __m512 x) { _mm512_store_ps(s.columns + (k * kLanes + w) * kLanes, x); });
    }
    const __mmask16 mask = first_lanes(count);
    for (int64_t k = 0; k < rel.key_columns; ++k) {
      __m512i r[16];
      for (int i = 0; i < 16; ++i) r[i] = _mm512_load_si512(s.columns + (k * kLanes + i) * kLanes);
      transpose16(r);
      float* to = s.width + k * s.stride + w0;
      for (int i = 0; i < 16 && i < rows; ++i) _mm512_mask_storeu_epi32(to + i * columns, mask, r[i]);
    }
  }
  // The last tile reads a whole vector.
  const auto end_with_zeros = [&](float* table, int64_t count) {
    for (int64_t k = 0; k < count; ++k) _mm512_storeu_ps(table + k * s.stride + rows * columns, _mm512_setzero_ps());
  };
  end_with_zeros(s.height, rel.key_rows);
  end_with_zeros(s.width, rel.key_columns);
}

// The tables of one tile: [rows or columns of the keys' grid][48].
struct RelativeTile {
  float *height = nullptr, *width = nullptr;          // height less the maximum so far
  int32_t *height_at = nullptr, *width_at = nullptr;  // [packed keys] where a key's vectors start

  void take(Scratch& s, const RelativeTables& rel, int64_t packed_keys) {
    s.take(height, rel.key_rows * kTile);
    s.take(width, rel.key_columns * kTile);
    s.take(height_at, packed_keys);
    s.take(width_at, packed_keys);
  }
  void place(const RelativeTables& rel, const KeyList& keys) {
    for (int64_t i = 0; i < keys.padded(); ++i) {
      const int64_t key = i < keys.count ? keys.index[i] : 0;
      height_at[i] = static_cast<int32_t>(key / rel.key_columns * kTile);
      width_at[i] = static_cast<int32_t>(key % rel.key_columns * kTile);
    }
  }
};

// `first` counts from the strip's first query.
template <int NQ>
void relative_tile(const RelativeTables& rel, const RelativeStrip& s, int64_t first, const RelativeTile& tile) {
  const auto copy = [&](const float* from, int64_t rows, float* to) {
    for (int64_t k = 0; k < rows; ++k) {
#pragma GCC unroll 3
      for (int j = 0; j < NQ; ++j)
        _mm512_store_ps(to + k * kTile + j * kLanes, _mm512_loadu_ps(from + k * s.stride + first + j * kLanes));
    }
  };
  copy(s.height, rel.key_rows, tile.height);
  copy(s.width, rel.key_columns, tile.width);
}

}  // namespace
}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END
