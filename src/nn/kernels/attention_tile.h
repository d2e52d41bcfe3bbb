#pragma once
// What the parts of the attention kernel share. Queries lie in the lanes of a vector, so S^T = K Q^T has its maximum,
// its sum, its mask, its bias and its exponentials lane by lane, and the head size is a loop length that wastes
// nothing. A tile is up to 48 queries; products are bfloat16 pairs summed in float32, 24 accumulators at a time. Only
// for the kernel's own sources: everything is local to the file that includes it.

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
constexpr int kGroup = 8;                     // keys, or values of D, that a register tile holds beside 48 queries
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kMasked = -1e30f;   // finite, so that no infinity minus infinity arises
constexpr float kNoWeight = 1e30f;  // log-sum-exp of a query that sees no key: every weight becomes 0

inline int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

inline __m512bh as_pairs(__m512i x) { return reinterpret_cast<__m512bh>(x); }
inline __m512i as_words(__m512 x) { return reinterpret_cast<__m512i>(x); }
inline __m512 as_floats(__m512i x) { return reinterpret_cast<__m512>(x); }

inline __m512bh broadcast_pair(const void* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, 4);
  return as_pairs(_mm512_set1_epi32(pair));
}

// 2^x for x <= 100, relative error 1e-4 (a bfloat16 holds 4e-3); 0 at -127 and below; NaN stays NaN. Adding 1.5 * 2^23
// leaves the nearest integer in the low bits, so the exponent is one shift and one integer sum away: work for the ports
// that dot products leave free. Its constants are read where an object is made, and the compiler may not move that:
// kept in registers across a product, they would push accumulators out of them.
class Exp2 {
 public:
  Exp2() {
    static constexpr float table[] = {-127.0f, 12582912.0f, 5.5008960e-2f, 2.4221103e-1f, 6.9328293e-1f, 1.0f};
    const float* at = table;
    asm volatile("" : "+r"(at));
    lowest_ = _mm512_set1_ps(at[0]);
    magic_ = _mm512_set1_ps(at[1]);
    c3_ = _mm512_set1_ps(at[2]);
    c2_ = _mm512_set1_ps(at[3]);
    c1_ = _mm512_set1_ps(at[4]);
    one_ = _mm512_set1_ps(at[5]);
  }
  __m512 operator()(__m512 x) const {
    x = _mm512_max_ps(lowest_, x);  // the second operand stays where it is NaN
    const __m512 t = _mm512_add_ps(x, magic_);
    const __m512 f = _mm512_sub_ps(x, _mm512_sub_ps(t, magic_));  // [-0.5, 0.5]
    __m512 y = _mm512_fmadd_ps(f, c3_, c2_);
    y = _mm512_fmadd_ps(y, f, c1_);
    y = _mm512_fmadd_ps(y, f, one_);
    return as_floats(_mm512_add_epi32(as_words(y), _mm512_slli_epi32(as_words(t), 23)));
  }

 private:
  __m512 lowest_, magic_, c3_, c2_, c1_, one_;
};

// log2(x) for normal x > 0, absolute error 1e-7 beside the exponent's own rounding. By the series of atanh.
inline __m512 log2_positive(__m512 x) {
  const __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
  const __m512 one = _mm512_set1_ps(1);
  __m512 e = _mm512_getexp_ps(x);
  e = _mm512_mask_add_ps(e, _mm512_cmp_ps_mask(m, one, _CMP_LT_OQ), e, one);
  const __m512 t = _mm512_div_ps(_mm512_sub_ps(m, one), _mm512_add_ps(m, one)), t2 = _mm512_mul_ps(t, t);
  __m512 y = _mm512_set1_ps(2 * kLog2E / 9);
  y = _mm512_fmadd_ps(y, t2, _mm512_set1_ps(2 * kLog2E / 7));
  y = _mm512_fmadd_ps(y, t2, _mm512_set1_ps(2 * kLog2E / 5));
  y = _mm512_fmadd_ps(y, t2, _mm512_set1_ps(2 * kLog2E / 3));
  y = _mm512_fmadd_ps(y, t2, _mm512_set1_ps(2 * kLog2E));
  return _mm512_fmadd_ps(y, t, e);
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

// acc[row] += row . lanes over D, for R rows of bfloat16 beside 16 queries packed by pack_lanes.
template <int R>
inline void row_products(const uint16_t* rows, int64_t stride, const uint32_t* lanes, int64_t pairs, __m512 (&acc)[R]) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) acc[i] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; ++p) {
    const __m512bh q = as_pairs(_mm512_load_si512(lanes + p * kLanes));
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) acc[i] = _mm512_dpbf16_ps(acc[i], q, broadcast_pair(rows + i * stride + 2 * p));
  }
}

// G groups of 8: acc[i] = sum over pairs of values[i] and lanes. `values` [groups][pairs][8] words, the groups `step`
// words apart; lanes [pairs][NQ * 16]. The same product serves scores (pairs over D, groups of keys) and the weighted
// sum (pairs of keys, groups of D).
template <int G, int NQ>
inline void add_products(const uint32_t* values, int64_t step, const uint32_t* lanes, int64_t pairs,
                         __m512 (&acc)[G * kGroup][NQ]) {
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh q[NQ];
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) q[j] = as_pairs(_mm512_load_si512(lanes + (p * NQ + j) * kLanes));
#pragma GCC unroll 2
    for (int g = 0; g < G; ++g) {
#pragma GCC unroll 8
      for (int i = 0; i < kGroup; ++i) {
        const __m512bh b = broadcast_pair(values + g * step + p * kGroup + i);
#pragma GCC unroll 3
        for (int j = 0; j < NQ; ++j) acc[g * kGroup + i][j] = _mm512_dpbf16_ps(acc[g * kGroup + i][j], q[j], b);
      }
    }
  }
}

template <int R, int NQ>
inline void clear(__m512 (&acc)[R][NQ]) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) acc[i][j] = _mm512_setzero_ps();
  }
}

// sums[(d) * NQ * 16 ...] += values^T lanes for G groups of D.
template <int G, int NQ>
inline void mix_groups(const uint32_t* values, int64_t step, const uint32_t* lanes, int64_t pairs, float* sums) {
  __m512 acc[G * kGroup][NQ];
#pragma GCC unroll 16
  for (int i = 0; i < G * kGroup; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) acc[i][j] = _mm512_load_ps(sums + (i * NQ + j) * kLanes);
  }
  add_products<G, NQ>(values, step, lanes, pairs, acc);
#pragma GCC unroll 16
  for (int i = 0; i < G * kGroup; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) _mm512_store_ps(sums + (i * NQ + j) * kLanes, acc[i][j]);
  }
}

// sums [D groups * 8][NQ * 16] += values^T weights over `pairs` key pairs. values [D groups][..][8], `step` words
// apart.
template <int NQ>
void mix(const uint32_t* values, int64_t step, int64_t groups, const uint32_t* weights, int64_t pairs, float* sums) {
  constexpr int kAtOnce = NQ == 1 ? 2 : 1;  // enough accumulators to hide the latency of a dot product
  int64_t g = 0;
  for (; g + kAtOnce <= groups; g += kAtOnce)
    mix_groups<kAtOnce, NQ>(values + g * step, step, weights, pairs, sums + g * kGroup * NQ * kLanes);
  for (; g < groups; ++g) mix_groups<1, NQ>(values + g * step, step, weights, pairs, sums + g * kGroup * NQ * kLanes);
}

// lanes [D rounded up to 16][NQ * 16] float32 times factor, queries in lanes -> bfloat16 rows of the queries.
template <int NQ>
void store_lanes(const float* lanes, const __m512 (&factor)[NQ], int64_t count, int64_t head_dim, uint16_t* rows,
                 int64_t stride) {
  for (int v = 0; v < NQ; ++v) {
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      __m512i r[16];
      for (int i = 0; i < 16; ++i)
        r[i] = as_words(_mm512_mul_ps(_mm512_load_ps(lanes + ((d + i) * NQ + v) * kLanes), factor[v]));
      transpose16(r);
      const __mmask16 mask = first_lanes(head_dim - d);
      for (int i = 0; i < 16 && v * kLanes + i < count; ++i) {
        const __m256bh half = _mm512_cvtneps_pbh(as_floats(r[i]));
        _mm256_mask_storeu_epi16(rows + (v * kLanes + i) * stride + d, mask, reinterpret_cast<__m256i>(half));
      }
    }
  }
}

// Into the second cache. Not the intrinsic: GCC 12 takes a function of nothing but prefetches for one without effect,
// and drops the call.
inline void prefetch(const char* p) { asm volatile("prefetcht1 %0" : : "m"(*p)); }

// Rows that are read next, fetched little by little into the second cache while something else is computed: with heads
// side by side in memory they are short pieces far apart, which no hardware prefetcher foresees.
struct Upcoming {
  static constexpr int kMost = 5;
  static constexpr int64_t kMostBytes = 256 << 10;
  const uint16_t* rows[kMost] = {};
  int64_t stride[kMost] = {}, count[kMost] = {};
  int64_t head_dim = 0, used = 0, bytes = 0;

  void add(const AttentionTensor& t, int64_t batch, int64_t head, int64_t tokens) {
    rows[used] = t.at(batch, head);
    stride[used] = t.token_stride;
    count[used++] = tokens;
    bytes += tokens * head_dim * 2;
  }
  // Part `part` of `parts`. Nothing where it would only push out what is in use.
  void fetch(int64_t part, int64_t parts) const {
    if (bytes > kMostBytes) return;
    for (int64_t t = 0; t < used; ++t) {
      for (int64_t i = count[t] * part / parts; i < count[t] * (part + 1) / parts; ++i) {
        const char* row = reinterpret_cast<const char*>(rows[t] + i * stride[t]);
        for (int64_t byte = 0; byte < 2 * head_dim; byte += 64) prefetch(row + byte);
        prefetch(row + 2 * head_dim - 1);
      }
    }
  }
};

// How a run of queries is cut into tiles: as even as can be, because a tile of one vector is slower per query than half
// a tile of two.
struct Tiling {
  int64_t vectors = 0, tiles = 0;

  explicit Tiling(int64_t queries)
      : vectors((queries + kLanes - 1) / kLanes), tiles((vectors + kTileVectors - 1) / kTileVectors) {}
  // The first query of tile t; tiling(tiles) is the end, rounded up.
  int64_t operator()(int64_t t) const { return t * vectors / tiles * kLanes; }
};

// Memory that a thread keeps between calls; grows to the largest request. Pieces are taken in two passes of the same
// code: one counts, one hands out.
class Scratch {
 public:
  template <class Take>
  void lay_out(const Take& take) {
    memory_at_ = nullptr;
    next_ = 0;
    take(*this);
    if (next_ > size_) {
      size_ = 0;
      memory_.reset(static_cast<char*>(std::aligned_alloc(64, next_)));
      if (!memory_) throw std::bad_alloc();
      size_ = next_;
    }
    memory_at_ = memory_.get();
    next_ = 0;
    take(*this);
  }
  template <class T>
  void take(T*& piece, int64_t count) {
    piece = memory_at_ ? reinterpret_cast<T*>(memory_at_ + next_) : nullptr;
    next_ += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> memory_;
  char* memory_at_ = nullptr;
  size_t size_ = 0, next_ = 0;
};

Scratch& scratch() {
  thread_local Scratch s;
  return s;
}

}  // namespace
}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END
