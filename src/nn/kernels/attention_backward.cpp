#include "nn/kernels/attention_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/attention_tile.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

// P^T and V dO^T of R keys, kept in float32; delta += P * (V dO^T).
template <int R, int NQ>
inline void gradient_rows(const uint16_t* k, int64_t k_stride, const uint16_t* v, int64_t v_stride, const uint32_t* qt,
                          const uint32_t* dot, int64_t pairs, __m512 scale, const Tile& tile, int64_t key,
                          const __m512 (&lse)[NQ], float* probabilities, float* products, __m512 (&delta)[NQ]) {
  __m512 acc[R][NQ];
  lane_products<R, NQ>(k + key * k_stride, k_stride, qt, pairs, acc);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      const __m512 s = masked_score<NQ>(acc[i][j], scale, tile, key + i, j);
      _mm512_store_ps(probabilities + ((key + i) * NQ + j) * kLanes, exp2_nonpositive(_mm512_sub_ps(s, lse[j])));
    }
  }
  lane_products<R, NQ>(v + key * v_stride, v_stride, dot, pairs, acc);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      const int64_t at = ((key + i) * NQ + j) * kLanes;
      delta[j] = _mm512_fmadd_ps(_mm512_load_ps(probabilities + at), acc[i][j], delta[j]);
      _mm512_store_ps(products + at, acc[i][j]);
    }
  }
}

// sums[R keys][16 N of D] += weights[key][queries] rows of bfloat16 times rows packed by pack_row_pairs.
template <int R, int N>
inline void accumulate(const uint16_t* weights, int64_t width, const uint32_t* rows, int64_t padded, int64_t d,
                       int64_t pairs, float* sums) {
  __m512 acc[R][N];
#pragma GCC unroll 6
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) acc[i][j] = _mm512_load_ps(sums + i * padded + d + j * kLanes);
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh r[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) r[j] = as_pairs(_mm512_load_si512(rows + p * padded + d + j * kLanes));
#pragma GCC unroll 6
    for (int i = 0; i < R; ++i) {
      const __m512bh b = broadcast_pair(weights + i * width + 2 * p);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], r[j], b);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) _mm512_store_ps(sums + i * padded + d + j * kLanes, acc[i][j]);
  }
}

template <int N>
void accumulate_keys(const uint16_t* weights, int64_t width, const uint32_t* rows, int64_t padded, int64_t d,
                     int64_t pairs, int64_t keys, float* sums) {
  int64_t key = 0;
  for (; key + 6 <= keys; key += 6)
    accumulate<6, N>(weights + key * width, width, rows, padded, d, pairs, sums + key * padded);
  for (; key + 2 <= keys; key += 2)
    accumulate<2, N>(weights + key * width, width, rows, padded, d, pairs, sums + key * padded);
  for (; key < keys; ++key) accumulate<1, N>(weights + key * width, width, rows, padded, d, pairs, sums + key * padded);
}

void accumulate_all(const uint16_t* weights, int64_t width, const uint32_t* rows, int64_t padded, int64_t pairs,
                    int64_t keys, float* sums) {
  int64_t d = 0;
  for (; d + 64 <= padded; d += 64) accumulate_keys<4>(weights, width, rows, padded, d, pairs, keys, sums);
  for (; d + 32 <= padded; d += 32) accumulate_keys<2>(weights, width, rows, padded, d, pairs, keys, sums);
  for (; d < padded; d += 16) accumulate_keys<1>(weights, width, rows, padded, d, pairs, keys, sums);
}

void store_rows(const float* sums, int64_t padded, int64_t count, int64_t head_dim, uint16_t* rows, int64_t stride) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      const __m256bh half = _mm512_cvtneps_pbh(_mm512_load_ps(sums + i * padded + d));
      _mm256_mask_storeu_epi16(rows + i * stride + d, first_lanes(head_dim - d), reinterpret_cast<__m256i>(half));
    }
  }
}

struct BackwardBuffers {
  uint32_t *qt, *dot, *query_pairs, *dout_pairs, *key_pairs, *weights;
  float *probabilities, *products, *mixed, *dk, *dv;
  uint16_t *p_rows, *ds_rows;
};

template <int NQ>
void backward_tile(const AttentionProblem& p, const Tile& tile, const uint16_t* q, int64_t q_stride, const uint16_t* k,
                   int64_t k_stride, const uint16_t* v, int64_t v_stride, const uint16_t* dout, int64_t dout_stride,
                   const float* lse, int64_t padded, const BackwardBuffers& b, uint16_t* dq, int64_t dq_stride) {
  const int64_t pairs = p.head_dim / 2, width = NQ * kLanes;
  pack_lanes(q + tile.first * q_stride, q_stride, tile.count, p.head_dim, NQ, b.qt);
  pack_lanes(dout + tile.first * dout_stride, dout_stride, tile.count, p.head_dim, NQ, b.dot);
  pack_row_pairs(q + tile.first * q_stride, q_stride, tile.count, p.head_dim, padded, b.query_pairs);
  pack_row_pairs(dout + tile.first * dout_stride, dout_stride, tile.count, p.head_dim, padded, b.dout_pairs);

  const __m512 scale = _mm512_set1_ps(p.scale * kLog2E), plain_scale = _mm512_set1_ps(p.scale);
  __m512 row_lse[NQ], delta[NQ], one[NQ];
#pragma GCC unroll 3
  for (int j = 0; j < NQ; ++j) {
    const __mmask16 valid = first_lanes(tile.count - j * kLanes);
    // Lanes without a query get an infinite sum, hence weights of 0.
    row_lse[j] = _mm512_mul_ps(_mm512_mask_loadu_ps(_mm512_set1_ps(1e30f), valid, lse + tile.first + j * kLanes),
                               _mm512_set1_ps(kLog2E));
    delta[j] = _mm512_setzero_ps();
    one[j] = _mm512_set1_ps(1);
  }
  int64_t key = 0;
  for (; key + 8 <= tile.keys; key += 8) {
    gradient_rows<8, NQ>(k, k_stride, v, v_stride, b.qt, b.dot, pairs, scale, tile, key, row_lse, b.probabilities,
                         b.products, delta);
  }
  for (; key + 2 <= tile.keys; key += 2) {
    gradient_rows<2, NQ>(k, k_stride, v, v_stride, b.qt, b.dot, pairs, scale, tile, key, row_lse, b.probabilities,
                         b.products, delta);
  }
  for (; key < tile.keys; ++key) {
    gradient_rows<1, NQ>(k, k_stride, v, v_stride, b.qt, b.dot, pairs, scale, tile, key, row_lse, b.probabilities,
                         b.products, delta);
  }

  // dS = P (V dO^T - delta) scale, as key pairs for dQ and as rows over queries for dK; P as rows for dV.
  const int64_t key_pairs = (tile.keys + 1) / 2;
  for (int64_t i = 0; i < key_pairs; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      __m512 ds[2];
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const int64_t row = 2 * i + half;
        if (row >= tile.keys) {
          ds[half] = _mm512_setzero_ps();
          continue;
        }
        const int64_t at = (row * NQ + j) * kLanes;
        const __m512 probability = _mm512_load_ps(b.probabilities + at);
        ds[half] = _mm512_mul_ps(_mm512_mul_ps(probability, plain_scale),
                                 _mm512_sub_ps(_mm512_load_ps(b.products + at), delta[j]));
        _mm256_store_si256(reinterpret_cast<__m256i*>(b.p_rows + row * width + j * kLanes),
                           reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(probability)));
        _mm256_store_si256(reinterpret_cast<__m256i*>(b.ds_rows + row * width + j * kLanes),
                           reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(ds[half])));
      }
      _mm512_store_si512(b.weights + (i * NQ + j) * kLanes, interleave(ds[0], ds[1]));
    }
  }
  mix<NQ>(b.key_pairs, padded, b.weights, key_pairs, one, p.head_dim, tile.count, b.mixed, dq + tile.first * dq_stride,
          dq_stride);
  const int64_t query_pairs = (tile.count + 1) / 2;
  accumulate_all(b.p_rows, width, b.dout_pairs, padded, query_pairs, tile.keys, b.dv);
  accumulate_all(b.ds_rows, width, b.query_pairs, padded, query_pairs, tile.keys, b.dk);
}

}  // namespace

void attention_backward(const AttentionProblem& p, int64_t batch, int64_t head, const AttentionTensor& q,
                        const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& dout,
                        const float* lse, const AttentionTensor& dq, const AttentionTensor& dk,
                        const AttentionTensor& dv) {
  const int64_t keys = visible_keys(p, batch), padded = round_up(p.head_dim, kLanes), even_keys = round_up(keys, 2);
  Scratch& s = scratch();
  s.reserve(static_cast<size_t>(4 * (2 * (p.head_dim / 2 * kTile) + 2 * (kTile / 2 * padded) + even_keys / 2 * padded +
                                     even_keys / 2 * kTile + 2 * even_keys * kTile + padded * kTile +
                                     2 * p.keys * padded + even_keys * kTile) +
                                13 * 64));
  BackwardBuffers b;
  b.qt = s.take<uint32_t>(p.head_dim / 2 * kTile);
  b.dot = s.take<uint32_t>(p.head_dim / 2 * kTile);
  b.query_pairs = s.take<uint32_t>(kTile / 2 * padded);
  b.dout_pairs = s.take<uint32_t>(kTile / 2 * padded);
  b.key_pairs = s.take<uint32_t>(even_keys / 2 * padded);
  b.weights = s.take<uint32_t>(even_keys / 2 * kTile);
  b.probabilities = s.take<float>(even_keys * kTile);
  b.products = s.take<float>(even_keys * kTile);
  b.mixed = s.take<float>(padded * kTile);
  b.dk = s.take<float>(p.keys * padded);
  b.dv = s.take<float>(p.keys * padded);
  b.p_rows = s.take<uint16_t>(even_keys * kTile);
  b.ds_rows = s.take<uint16_t>(even_keys * kTile);
  __builtin_memset(b.dk, 0, static_cast<size_t>(p.keys * padded) * sizeof(float));
  __builtin_memset(b.dv, 0, static_cast<size_t>(p.keys * padded) * sizeof(float));
  pack_row_pairs(k.at(batch, head), k.token_stride, keys, p.head_dim, padded, b.key_pairs);
  for (int64_t first = 0; first < p.queries; first += kTile) {
    const Tile tile = tile_at(p, keys, first);
    const int64_t vectors = (tile.count + kLanes - 1) / kLanes;
    const auto run = vectors == 1 ? backward_tile<1> : vectors == 2 ? backward_tile<2> : backward_tile<3>;
    run(p, tile, q.at(batch, head), q.token_stride, k.at(batch, head), k.token_stride, v.at(batch, head),
        v.token_stride, dout.at(batch, head), dout.token_stride, lse, padded, b, dq.at(batch, head), dq.token_stride);
  }
  store_rows(b.dk, padded, p.keys, p.head_dim, dk.at(batch, head), dk.token_stride);
  store_rows(b.dv, padded, p.keys, p.head_dim, dv.at(batch, head), dv.token_stride);
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
void attention_backward(const AttentionProblem&, int64_t, int64_t, const AttentionTensor&, const AttentionTensor&,
                        const AttentionTensor&, const AttentionTensor&, const float*, const AttentionTensor&,
                        const AttentionTensor&, const AttentionTensor&) {}
}  // namespace cambium::nn::kernels
#endif
