// Up to 16 queries: the tokens of a mask decoder before an image, and the temporal layers of video models, thousands of
// short sequences at a time. One vector holds all queries, each key is read once, so nothing is packed beforehand; what
// costs is memory, so the next sequence is fetched while this one is worked on.
#include "nn/kernels/attention_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/attention_tile.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int kQueriesAtOnce = 8, kVectorsAtOnce = 3;
constexpr int64_t kBlockKeys = 128;

struct FewBuffers {
  uint32_t* qt;       // [D/2][16]
  float* scores;      // [keys of a block][16 queries]
  uint32_t* weights;  // [pairs of keys][16 queries]
  uint32_t* values;   // [pairs of keys][padded]
  float* sums;        // [16 queries][padded], where there are several blocks
};

// scores[key][query] of keys 0..R-1, unscaled.
template <int R>
void few_scores(const uint16_t* k, int64_t stride, const uint32_t* qt, int64_t pairs, float* scores) {
  __m512 acc[R];
  row_products<R>(k, stride, qt, pairs, acc);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) _mm512_store_ps(scores + i * kLanes, acc[i]);
}

using ScoreFunction = void (*)(const uint16_t*, int64_t, const uint32_t*, int64_t, float*);
constexpr ScoreFunction kScores[] = {few_scores<1>,  few_scores<2>,  few_scores<3>,  few_scores<4>,
                                     few_scores<5>,  few_scores<6>,  few_scores<7>,  few_scores<8>,
                                     few_scores<9>,  few_scores<10>, few_scores<11>, few_scores<12>,
                                     few_scores<13>, few_scores<14>, few_scores<15>, few_scores<16>};

// How a block's weighted sums join what was summed before, per query: times `rescale` before, times `factor` after.
struct Joining {
  bool first = true, last = true;
  alignas(64) float rescale[kLanes], factor[kLanes];
};

// Eight queries from `query` on, N * 16 values of D from `d` on.
template <int N>
inline void few_sums(const FewBuffers& b, int64_t padded, int64_t pairs, const Joining& join, int64_t query, int64_t d,
                     int64_t count, int64_t head_dim, uint16_t* out, int64_t stride) {
  __m512 acc[kQueriesAtOnce][N];
  float* sums = b.sums + query * padded + d;
  if (join.first) {
    clear(acc);
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < kQueriesAtOnce; ++i) {
#pragma GCC unroll 3
      for (int j = 0; j < N; ++j)
        acc[i][j] =
            _mm512_mul_ps(_mm512_load_ps(sums + i * padded + j * kLanes), _mm512_set1_ps(join.rescale[query + i]));
    }
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh v[N];
#pragma GCC unroll 3
    for (int j = 0; j < N; ++j) v[j] = as_pairs(_mm512_load_si512(b.values + p * padded + d + j * kLanes));
#pragma GCC unroll 8
    for (int i = 0; i < kQueriesAtOnce; ++i) {
      const __m512bh w = broadcast_pair(b.weights + p * kLanes + query + i);
#pragma GCC unroll 3
      for (int j = 0; j < N; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], v[j], w);
    }
  }
  if (!join.last) {
#pragma GCC unroll 8
    for (int i = 0; i < kQueriesAtOnce; ++i) {
#pragma GCC unroll 3
      for (int j = 0; j < N; ++j) _mm512_store_ps(sums + i * padded + j * kLanes, acc[i][j]);
    }
    return;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueriesAtOnce; ++i) {
    if (query + i >= count) break;
    const __m512 f = _mm512_set1_ps(join.factor[query + i]);
#pragma GCC unroll 3
    for (int j = 0; j < N; ++j) {
      const __m256bh half = _mm512_cvtneps_pbh(_mm512_mul_ps(acc[i][j], f));
      _mm256_mask_storeu_epi16(out + (query + i) * stride + d + j * kLanes, first_lanes(head_dim - d - j * kLanes),
                               reinterpret_cast<__m256i>(half));
    }
  }
}

// Pairs of keys -> [pairs][padded] words (key 2i, key 2i + 1).
inline void few_values(const uint16_t* v, int64_t stride, int64_t keys, int64_t head_dim, int64_t padded,
                       uint32_t* out) {
  for (int64_t key = 0; key < keys; key += 2, out += padded) {
    const bool both = key + 1 < keys;
    const uint16_t *low_row = v + key * stride, *high_row = both ? low_row + stride : low_row;
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      const __mmask16 mask = first_lanes(head_dim - d);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, low_row + d));
      const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(both ? mask : __mmask16(0), high_row + d));
      _mm512_store_si512(out + d, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

// Scales and masks the scores of keys first..first+keys-1; returns their maximum or `top`, whichever is greater.
inline __m512 few_mask(const AttentionProblem& p, int64_t batch, int64_t first, int64_t keys, float* scores,
                       __m512 top) {
  const __m512 scale = _mm512_set1_ps(p.scale * kLog2E);
  const bool* mask = p.key_mask ? p.key_mask + batch * p.keys + first : nullptr;
  for (int64_t i = 0; i < keys; ++i) {
    __m512 x = _mm512_mul_ps(_mm512_load_ps(scores + i * kLanes), scale);
    if (mask || p.causal) {
      const __mmask16 hidden = mask && !mask[i] ? __mmask16(0xffff) : p.causal ? first_lanes(first + i) : __mmask16(0);
      x = _mm512_mask_mov_ps(x, hidden, _mm512_set1_ps(kMasked));
    }
    top = _mm512_max_ps(top, x);
    _mm512_store_ps(scores + i * kLanes, x);
  }
  return top;
}

// Weights of the block as pairs of keys; returns the sum of the rounded ones.
inline __m512 few_weights(const float* scores, int64_t keys, __m512 top, uint32_t* weights) {
  const Exp2 exp2;
  const __m512bh ones = as_pairs(_mm512_set1_epi32(0x3f803f80));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < keys; i += 2, weights += kLanes) {
    const __m512 low = exp2(_mm512_sub_ps(_mm512_load_ps(scores + i * kLanes), top));
    const __m512 high =
        i + 1 < keys ? exp2(_mm512_sub_ps(_mm512_load_ps(scores + (i + 1) * kLanes), top)) : _mm512_setzero_ps();
    const __m512i pair = interleave(low, high);
    sum = _mm512_dpbf16_ps(sum, as_pairs(pair), ones);
    _mm512_store_si512(weights, pair);
  }
  return sum;
}

void few_head(const AttentionProblem& p, int64_t batch, int64_t head, int64_t keys, const AttentionTensor& q,
              const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& out, float* lse,
              const FewBuffers& b) {
  const int64_t padded = round_up(p.head_dim, kLanes);
  pack_lanes(q.at(batch, head), q.token_stride, p.queries, p.head_dim, 1, b.qt);
  // A query that sees nothing has scores far below this, and so weights of 0.
  __m512 top = _mm512_set1_ps(kMasked / 2), sum = _mm512_setzero_ps();
  Joining join;
  int64_t first = 0;
  do {
    const int64_t count = keys - first < kBlockKeys ? keys - first : kBlockKeys;
    const uint16_t* rows = k.at(batch, head) + first * k.token_stride;
    for (int64_t i = 0; i < count; i += kLanes) {
      const int64_t now = count - i < kLanes ? count - i : kLanes;
      kScores[now - 1](rows + i * k.token_stride, k.token_stride, b.qt, p.head_dim / 2, b.scores + i * kLanes);
    }
    few_values(v.at(batch, head) + first * v.token_stride, v.token_stride, count, p.head_dim, padded, b.values);
    const __m512 before = top;
    top = few_mask(p, batch, first, count, b.scores, top);
    const __m512 rescale = Exp2()(_mm512_sub_ps(before, top));
    sum = _mm512_fmadd_ps(sum, rescale, few_weights(b.scores, count, top, b.weights));
    const __mmask16 blind = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_EQ_OQ);
    join.first = first == 0;
    join.last = first + count >= keys;
    _mm512_store_ps(join.rescale, rescale);
    _mm512_store_ps(join.factor, _mm512_mask_div_ps(_mm512_setzero_ps(), _knot_mask16(blind), _mm512_set1_ps(1), sum));
    for (int64_t query = 0; query < p.queries; query += kQueriesAtOnce) {
      for (int64_t d = 0; d < padded; d += kVectorsAtOnce * kLanes) {
        const int64_t vectors = (padded - d) / kLanes;
        const auto run = vectors == 1 ? few_sums<1> : vectors == 2 ? few_sums<2> : few_sums<3>;
        run(b, padded, (count + 1) / 2, join, query, d, p.queries, p.head_dim, out.at(batch, head), out.token_stride);
      }
    }
    if (lse && join.last) {
      const __m512 sums = _mm512_mask_mov_ps(_mm512_add_ps(top, log2_positive(sum)), blind, _mm512_set1_ps(kNoWeight));
      _mm512_mask_storeu_ps(lse, first_lanes(p.queries), sums);
    }
    first += count;
  } while (first < keys);
}

}  // namespace

bool attention_is_few(const AttentionProblem& p) { return p.queries <= kLanes && p.rel.height == nullptr; }

void attention_few_forward(const AttentionProblem& p, const AttentionHeads& heads, int64_t next,
                           const AttentionTensor& q, const AttentionTensor& k, const AttentionTensor& v,
                           const AttentionTensor& out, float* lse) {
  FewBuffers b;
  const int64_t padded = round_up(p.head_dim, kLanes), block = p.keys < kBlockKeys ? round_up(p.keys, 2) : kBlockKeys;
  scratch().lay_out([&](Scratch& s) {
    s.take(b.qt, p.head_dim / 2 * kLanes);
    s.take(b.scores, block * kLanes);
    s.take(b.weights, block / 2 * kLanes);
    s.take(b.values, block / 2 * padded);
    s.take(b.sums, kLanes * padded);
  });
  const int64_t batch = heads.batch;
  int64_t keys = p.keys;
  if (p.key_lengths) {
    const int64_t length = p.key_lengths[batch];
    keys = length < 0 ? 0 : length < keys ? length : keys;
  }
  for (int64_t head = heads.first; head < heads.last; ++head) {
    if (next >= 0) {
      Upcoming upcoming{.head_dim = p.head_dim};
      upcoming.add(q, next, head, p.queries);
      upcoming.add(k, next, head, p.keys);
      upcoming.add(v, next, head, p.keys);
      upcoming.fetch(0, 1);
    }
    few_head(p, batch, head, keys, q, k, v, out, lse ? lse + head * p.queries : nullptr, b);
  }
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
bool attention_is_few(const AttentionProblem&) { return false; }
void attention_few_forward(const AttentionProblem&, const AttentionHeads&, int64_t, const AttentionTensor&,
                           const AttentionTensor&, const AttentionTensor&, const AttentionTensor&, float*) {}
}  // namespace cambium::nn::kernels
#endif
