#pragma once
// What the forward and the backward pass of the attention kernel share. Queries lie in the lanes of a vector, so
// S^T = K Q^T has its maximum, its sum, its mask and its exponentials lane by lane, and the head size is a loop length
// that wastes nothing. A tile is up to 48 queries; products are bfloat16 pairs summed in float32, 24 accumulators at a
// time. Only for the kernel's own sources: everything is local to the file that includes it.

#include <cstdlib>
#include <memory>
#include <new>

#include "nn/kernels/attention_kernel.h"
#include "nn/kernels/avx512.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int kLanes = 16;
constexpr int kTileVectors = 3;
constexpr int kTile = kTileVectors * kLanes;  // queries
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kMasked = -1e30f;  // finite, so that no infinity minus infinity arises
// Below this the exponential is 0 in bfloat16's company.
constexpr float kLowest = -126.0f;

inline int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

inline __m512bh as_pairs(__m512i x) { return reinterpret_cast<__m512bh>(x); }

inline __m512bh broadcast_pair(const void* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, 4);
  return as_pairs(_mm512_set1_epi32(pair));
}

// 2^x for x <= 0, relative error 4e-6; 0 below 2^-126; NaN stays NaN (the comparison is "not less than").
inline __m512 exp2_nonpositive(__m512 x) {
  const __mmask16 keep = _mm512_cmp_ps_mask(x, _mm512_set1_ps(kLowest), _CMP_NLT_UQ);
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);  // [-0.5, 0.5]
  __m512 y = _mm512_set1_ps(9.6181291e-3f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(5.5504109e-2f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(2.4022651e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(6.9314718e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0f));
  return _mm512_maskz_scalef_ps(keep, y, n);
}

// (a, b) per lane as one bfloat16 pair, a in the low half.
inline __m512i interleave(__m512 a, __m512 b) {
  const __m512i both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));
  alignas(64) static constexpr uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(order), both);
}

// 16 x 16 words, in place.
inline void transpose16(__m512i (&r)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
    r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
    r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
  }
}

inline __mmask16 first_lanes(int64_t count) {
  return count >= kLanes ? __mmask16(0xffff) : count <= 0 ? __mmask16(0) : __mmask16((1u << count) - 1);
}

// Rows [count, D] -> pairs over D with rows in lanes: out[D/2][vectors * 16] words. Rows beyond `count` are 0.
void pack_lanes(const uint16_t* rows, int64_t stride, int64_t count, int64_t head_dim, int vectors, uint32_t* out) {
  const int64_t pairs = head_dim / 2, width = vectors * kLanes;
  for (int v = 0; v < vectors; ++v) {
    for (int64_t p = 0; p < pairs; p += kLanes) {
      __m512i r[16];
      for (int i = 0; i < 16; ++i) {
        const int64_t row = v * kLanes + i;
        r[i] = row < count ? _mm512_maskz_loadu_epi32(first_lanes(pairs - p), rows + row * stride + 2 * p)
                           : _mm512_setzero_si512();
      }
      transpose16(r);
      for (int i = 0; i < 16 && p + i < pairs; ++i) _mm512_store_si512(out + (p + i) * width + v * kLanes, r[i]);
    }
  }
}

// Rows [count, D] -> pairs over rows: out[ceil(count / 2)][padded] words of (row 2i, row 2i + 1); 0 beyond count and D.
void pack_row_pairs(const uint16_t* rows, int64_t stride, int64_t count, int64_t head_dim, int64_t padded,
                    uint32_t* out) {
  for (int64_t i = 0; i < count; i += 2, out += padded) {
    for (int64_t d = 0; d < padded; d += kLanes) {
      const __mmask16 mask = first_lanes(head_dim - d);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, rows + i * stride + d));
      const __m512i high = i + 1 < count
                               ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, rows + (i + 1) * stride + d))
                               : _mm512_setzero_si512();
      _mm512_store_si512(out + d, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

// acc[key][vector] = sum over D of row[key] and the packed lanes: R rows of S^T (or of V dO^T).
template <int R, int NQ>
inline void lane_products(const uint16_t* rows, int64_t stride, const uint32_t* lanes, int64_t pairs,
                          __m512 (&acc)[R][NQ]) {
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) acc[i][j] = _mm512_setzero_ps();
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh q[NQ];
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) q[j] = as_pairs(_mm512_load_si512(lanes + (p * NQ + j) * kLanes));
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const __m512bh b = broadcast_pair(rows + i * stride + 2 * p);
#pragma GCC unroll 3
      for (int j = 0; j < NQ; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], q[j], b);
    }
  }
}

// What a tile of queries needs to know.
struct Tile {
  int64_t first = 0;  // its first query
  int64_t count = 0;  // queries in it
  int64_t keys = 0;   // keys that any of them sees
  bool causal = false;
};

// scale * s, masked where the query may not see the key.
template <int NQ>
inline __m512 masked_score(__m512 s, __m512 scale, const Tile& tile, int64_t key, int vector) {
  s = _mm512_mul_ps(s, scale);
  const int64_t visible_from = key - tile.first - vector * kLanes;  // first lane that sees the key
  if (!tile.causal || visible_from <= 0) return s;
  return _mm512_mask_mov_ps(s, first_lanes(visible_from), _mm512_set1_ps(kMasked));
}

// acc[d][query lanes] over key pairs, for R values of d: out[d] = factor * sum over keys of values[key][d] *
// weights[key].
template <int R, int NQ>
inline void mix_rows(const uint32_t* values, int64_t padded, const uint32_t* weights, int64_t pairs, int64_t d,
                     const __m512 (&factor)[NQ], float* out) {
  __m512 acc[R][NQ];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) acc[i][j] = _mm512_setzero_ps();
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh w[NQ];
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) w[j] = as_pairs(_mm512_load_si512(weights + (p * NQ + j) * kLanes));
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const __m512bh b = broadcast_pair(values + p * padded + d + i);
#pragma GCC unroll 3
      for (int j = 0; j < NQ; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], w[j], b);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j)
      _mm512_store_ps(out + ((d + i) * NQ + j) * kLanes, _mm512_mul_ps(acc[i][j], factor[j]));
  }
}

// [padded D][NQ * 16] float32, queries in lanes -> bfloat16 rows of the queries.
template <int NQ>
void store_lanes(const float* lanes, int64_t count, int64_t head_dim, uint16_t* rows, int64_t stride) {
  for (int v = 0; v < NQ; ++v) {
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      __m512i r[16];
      for (int i = 0; i < 16; ++i) r[i] = _mm512_load_si512(lanes + ((d + i) * NQ + v) * kLanes);
      transpose16(r);
      const __mmask16 mask = first_lanes(head_dim - d);
      for (int i = 0; i < 16 && v * kLanes + i < count; ++i) {
        const __m256bh half = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(r[i]));
        _mm256_mask_storeu_epi16(rows + (v * kLanes + i) * stride + d, mask, reinterpret_cast<__m256i>(half));
      }
    }
  }
}

// out[D][queries] = factor * values^T weights, then to bfloat16 rows. `values` is packed by pack_row_pairs.
template <int NQ>
void mix(const uint32_t* values, int64_t padded, const uint32_t* weights, int64_t pairs, const __m512 (&factor)[NQ],
         int64_t head_dim, int64_t count, float* scratch, uint16_t* rows, int64_t stride) {
  // `padded` is a multiple of 16, and what lies beyond head_dim is 0.
  for (int64_t d = 0; d < padded; d += 8) mix_rows<8, NQ>(values, padded, weights, pairs, d, factor, scratch);
  store_lanes<NQ>(scratch, count, head_dim, rows, stride);
}

// Memory that a thread keeps between calls; grows to the largest request.
class Scratch {
 public:
  // Starts a new set of pieces of `bytes` in all (each rounded up to 64).
  void reserve(size_t bytes) {
    next_ = 0;
    if (bytes <= size_) return;
    memory_.reset(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
    size_ = memory_ ? bytes : 0;
    if (!memory_) throw std::bad_alloc();
  }
  template <class T>
  T* take(int64_t count) {
    T* piece = reinterpret_cast<T*>(memory_.get() + next_);
    next_ += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return piece;
  }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> memory_;
  size_t size_ = 0, next_ = 0;
};

Scratch& scratch() {
  thread_local Scratch s;
  return s;
}

Tile tile_at(const AttentionProblem& p, int64_t keys, int64_t first) {
  Tile tile{
      .first = first, .count = p.queries - first < kTile ? p.queries - first : kTile, .keys = keys, .causal = p.causal};
  if (p.causal && tile.first + tile.count < keys) tile.keys = tile.first + tile.count;
  return tile;
}

int64_t visible_keys(const AttentionProblem& p, int64_t batch) {
  if (!p.key_lengths) return p.keys;
  const int64_t length = p.key_lengths[batch];
  return length < 1 ? 1 : length > p.keys ? p.keys : length;
}

}  // namespace
}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END
