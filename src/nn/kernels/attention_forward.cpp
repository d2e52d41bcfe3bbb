#include "nn/kernels/attention_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/attention_tile.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

template <int R, int NQ>
inline void score_rows(const uint16_t* k, int64_t stride, const uint32_t* qt, int64_t pairs, __m512 scale,
                       const Tile& tile, int64_t key, float* scores, __m512 (&top)[NQ]) {
  __m512 acc[R][NQ];
  lane_products<R, NQ>(k + key * stride, stride, qt, pairs, acc);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      const __m512 s = masked_score<NQ>(acc[i][j], scale, tile, key + i, j);
      top[j] = _mm512_max_ps(top[j], s);
      _mm512_store_ps(scores + ((key + i) * NQ + j) * kLanes, s);
    }
  }
}

template <int NQ>
void forward_tile(const AttentionProblem& p, const Tile& tile, const uint16_t* q, int64_t q_stride, const uint16_t* k,
                  int64_t k_stride, const uint32_t* values, int64_t padded, uint32_t* qt, float* scores,
                  uint32_t* weights, float* scratch, uint16_t* out, int64_t out_stride, float* lse) {
  const int64_t pairs = p.head_dim / 2;
  pack_lanes(q + tile.first * q_stride, q_stride, tile.count, p.head_dim, NQ, qt);
  const __m512 scale = _mm512_set1_ps(p.scale * kLog2E);
  __m512 top[NQ], sum[NQ];
#pragma GCC unroll 3
  for (int j = 0; j < NQ; ++j) {
    top[j] = _mm512_set1_ps(kMasked);
    sum[j] = _mm512_setzero_ps();
  }
  int64_t key = 0;
  for (; key + 8 <= tile.keys; key += 8) score_rows<8, NQ>(k, k_stride, qt, pairs, scale, tile, key, scores, top);
  for (; key + 2 <= tile.keys; key += 2) score_rows<2, NQ>(k, k_stride, qt, pairs, scale, tile, key, scores, top);
  for (; key < tile.keys; ++key) score_rows<1, NQ>(k, k_stride, qt, pairs, scale, tile, key, scores, top);

  const __m512bh ones = as_pairs(_mm512_set1_epi32(0x3f803f80));
  const int64_t key_pairs = (tile.keys + 1) / 2;
  for (int64_t i = 0; i < key_pairs; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      const __m512 a = exp2_nonpositive(_mm512_sub_ps(_mm512_load_ps(scores + (2 * i * NQ + j) * kLanes), top[j]));
      const __m512 b =
          2 * i + 1 < tile.keys
              ? exp2_nonpositive(_mm512_sub_ps(_mm512_load_ps(scores + ((2 * i + 1) * NQ + j) * kLanes), top[j]))
              : _mm512_setzero_ps();
      const __m512i w = interleave(a, b);
      sum[j] = _mm512_dpbf16_ps(sum[j], as_pairs(w), ones);  // the sum of the rounded weights, so that they add up to 1
      _mm512_store_si512(weights + (i * NQ + j) * kLanes, w);
    }
  }
  __m512 factor[NQ];
#pragma GCC unroll 3
  for (int j = 0; j < NQ; ++j) factor[j] = _mm512_div_ps(_mm512_set1_ps(1), sum[j]);
  mix<NQ>(values, padded, weights, key_pairs, factor, p.head_dim, tile.count, scratch, out + tile.first * out_stride,
          out_stride);
  if (!lse) return;
  alignas(64) float tops[kTile], sums[kTile];
#pragma GCC unroll 3
  for (int j = 0; j < NQ; ++j) {
    _mm512_store_ps(tops + j * kLanes, top[j]);
    _mm512_store_ps(sums + j * kLanes, sum[j]);
  }
  for (int64_t i = 0; i < tile.count; ++i) lse[tile.first + i] = tops[i] / kLog2E + __builtin_logf(sums[i]);
}

}  // namespace

void attention_forward(const AttentionProblem& p, int64_t batch, int64_t head, const AttentionTensor& q,
                       const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& out, float* lse) {
  const int64_t keys = visible_keys(p, batch), padded = round_up(p.head_dim, kLanes), even_keys = round_up(keys, 2);
  Scratch& s = scratch();
  s.reserve(static_cast<size_t>(4 * (even_keys / 2 * padded + p.head_dim / 2 * kTile + even_keys * kTile +
                                     even_keys / 2 * kTile + padded * kTile) +
                                5 * 64));
  auto* values = s.take<uint32_t>(even_keys / 2 * padded);
  auto* qt = s.take<uint32_t>(p.head_dim / 2 * kTile);
  auto* scores = s.take<float>(even_keys * kTile);
  auto* weights = s.take<uint32_t>(even_keys / 2 * kTile);
  auto* mixed = s.take<float>(padded * kTile);
  pack_row_pairs(v.at(batch, head), v.token_stride, keys, p.head_dim, padded, values);
  for (int64_t first = 0; first < p.queries; first += kTile) {
    const Tile tile = tile_at(p, keys, first);
    const int64_t vectors = (tile.count + kLanes - 1) / kLanes;
    const auto run = vectors == 1 ? forward_tile<1> : vectors == 2 ? forward_tile<2> : forward_tile<3>;
    run(p, tile, q.at(batch, head), q.token_stride, k.at(batch, head), k.token_stride, values, padded, qt, scores,
        weights, mixed, out.at(batch, head), out.token_stride, lse);
  }
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
void attention_forward(const AttentionProblem&, int64_t, int64_t, const AttentionTensor&, const AttentionTensor&,
                       const AttentionTensor&, const AttentionTensor&, float*) {}
}  // namespace cambium::nn::kernels
#endif
