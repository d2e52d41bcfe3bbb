// Up to 16 queries and 16 keys: windows of a few tokens and the temporal layers of video models, thousands of sequences
// at a time. One register tile holds all scores of a head; what costs is memory, so the next sequence is fetched while
// this one is worked on.
#include "nn/kernels/attention_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/attention_tile.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int kQueriesAtOnce = 8, kVectorsAtOnce = 3;

struct SmallBuffers {
  uint32_t* qt;       // [D/2][16]
  float* scores;      // [16 keys][16 queries]
  uint32_t* weights;  // [8 pairs of keys][16 queries]
  uint32_t* values;   // [8 pairs of keys][padded]
};

// scores[key][query] of keys 0..R-1, unscaled.
template <int R>
void small_scores(const uint16_t* k, int64_t stride, const uint32_t* qt, int64_t pairs, float* scores) {
  __m512 acc[R];
  row_products<R>(k, stride, qt, pairs, acc);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) _mm512_store_ps(scores + i * kLanes, acc[i]);
}

using ScoreFunction = void (*)(const uint16_t*, int64_t, const uint32_t*, int64_t, float*);
constexpr ScoreFunction kScores[] = {small_scores<1>,  small_scores<2>,  small_scores<3>,  small_scores<4>,
                                     small_scores<5>,  small_scores<6>,  small_scores<7>,  small_scores<8>,
                                     small_scores<9>,  small_scores<10>, small_scores<11>, small_scores<12>,
                                     small_scores<13>, small_scores<14>, small_scores<15>, small_scores<16>};

// Eight queries, N * 16 values of D: out[query] = factor[query] * sum of weights[pair][query] * values[pair].
template <int N>
inline void small_output(const uint32_t* values, int64_t padded, const uint32_t* weights, int64_t pairs,
                         const float* factor, int64_t count, int64_t columns, uint16_t* out, int64_t stride) {
  __m512 acc[kQueriesAtOnce][N];
  clear(acc);
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh v[N];
#pragma GCC unroll 3
    for (int j = 0; j < N; ++j) v[j] = as_pairs(_mm512_load_si512(values + p * padded + j * kLanes));
#pragma GCC unroll 8
    for (int i = 0; i < kQueriesAtOnce; ++i) {
      const __m512bh w = broadcast_pair(weights + p * kLanes + i);
#pragma GCC unroll 3
      for (int j = 0; j < N; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], v[j], w);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueriesAtOnce; ++i) {
    if (i >= count) break;
    const __m512 f = _mm512_set1_ps(factor[i]);
#pragma GCC unroll 3
    for (int j = 0; j < N; ++j) {
      const __m256bh half = _mm512_cvtneps_pbh(_mm512_mul_ps(acc[i][j], f));
      _mm256_mask_storeu_epi16(out + i * stride + j * kLanes, first_lanes(columns - j * kLanes),
                               reinterpret_cast<__m256i>(half));
    }
  }
}

// Pairs of keys -> [pairs][padded] words (key 2i, key 2i + 1).
inline void small_values(const uint16_t* v, int64_t stride, int64_t keys, int64_t head_dim, int64_t padded,
                         uint32_t* out) {
  for (int64_t key = 0; key < keys; key += 2, out += padded) {
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      const __mmask16 mask = first_lanes(head_dim - d);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, v + key * stride + d));
      const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(
          key + 1 < keys ? mask : __mmask16(0), v + (key + 1 < keys ? key + 1 : key) * stride + d));
      _mm512_store_si512(out + d, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

void small_head(const AttentionProblem& p, int64_t batch, int64_t head, int64_t keys, const AttentionTensor& q,
                const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& out, float* lse,
                const SmallBuffers& b) {
  const int64_t padded = round_up(p.head_dim, kLanes), pairs = (keys + 1) / 2;
  pack_lanes(q.at(batch, head), q.token_stride, p.queries, p.head_dim, 1, b.qt);
  kScores[keys - 1](k.at(batch, head), k.token_stride, b.qt, p.head_dim / 2, b.scores);
  small_values(v.at(batch, head), v.token_stride, keys, p.head_dim, padded, b.values);

  const __m512 scale = _mm512_set1_ps(p.scale * kLog2E);
  const bool* mask = p.key_mask ? p.key_mask + batch * p.keys : nullptr;
  __m512 top = _mm512_set1_ps(kMasked);
  for (int64_t key = 0; key < keys; ++key) {
    __m512 x = _mm512_mul_ps(_mm512_load_ps(b.scores + key * kLanes), scale);
    const __mmask16 hidden = mask && !mask[key] ? __mmask16(0xffff) : p.causal ? first_lanes(key) : __mmask16(0);
    x = _mm512_mask_mov_ps(x, hidden, _mm512_set1_ps(kMasked));
    top = _mm512_max_ps(top, x);
    _mm512_store_ps(b.scores + key * kLanes, x);
  }
  // Scores of a query that sees nothing stay far below any maximum, so its weights are 0.
  top = _mm512_max_ps(_mm512_set1_ps(kMasked / 2), top);
  const __m512bh ones = as_pairs(_mm512_set1_epi32(0x3f803f80));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < pairs; ++i) {
    const __m512 a = exp2_approximate(_mm512_sub_ps(_mm512_load_ps(b.scores + 2 * i * kLanes), top));
    const __m512 c = 2 * i + 1 < keys
                         ? exp2_approximate(_mm512_sub_ps(_mm512_load_ps(b.scores + (2 * i + 1) * kLanes), top))
                         : _mm512_setzero_ps();
    const __m512i w = interleave(a, c);
    sum = _mm512_dpbf16_ps(sum, as_pairs(w), ones);
    _mm512_store_si512(b.weights + i * kLanes, w);
  }
  const __mmask16 blind = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_EQ_OQ);
  alignas(64) float factor[kLanes];
  _mm512_store_ps(factor, _mm512_mask_div_ps(_mm512_setzero_ps(), _knot_mask16(blind), _mm512_set1_ps(1), sum));
  if (lse) {
    const __m512 sums = _mm512_mask_mov_ps(_mm512_add_ps(top, log2_positive(sum)), blind, _mm512_set1_ps(kNoWeight));
    _mm512_mask_storeu_ps(lse, first_lanes(p.queries), sums);
  }
  for (int64_t first = 0; first < p.queries; first += kQueriesAtOnce) {
    uint16_t* to = out.at(batch, head) + first * out.token_stride;
    for (int64_t d = 0; d < padded; d += kVectorsAtOnce * kLanes) {
      const auto run = [&]<int N>() {
        small_output<N>(b.values + d, padded, b.weights + first, pairs, factor + first, p.queries - first,
                        p.head_dim - d, to + d, out.token_stride);
      };
      switch ((padded - d) / kLanes) {
        case 1:
          run.template operator()<1>();
          break;
        case 2:
          run.template operator()<2>();
          break;
        default:
          run.template operator()<3>();
      }
    }
  }
}

inline void prefetch_rows(const uint16_t* rows, int64_t stride, int64_t count, int64_t head_dim) {
  for (int64_t i = 0; i < count; ++i) {
    const char* row = reinterpret_cast<const char*>(rows + i * stride);
    for (int64_t byte = 0; byte < 2 * head_dim; byte += 64) _mm_prefetch(row + byte, _MM_HINT_T1);
    _mm_prefetch(row + 2 * head_dim - 1, _MM_HINT_T1);
  }
}

}  // namespace

bool attention_is_small(const AttentionProblem& p) {
  return p.queries <= kLanes && p.keys <= kLanes && p.rel.height == nullptr;
}

void attention_small_forward(const AttentionProblem& p, int64_t batch, int64_t next, const AttentionTensor& q,
                             const AttentionTensor& k, const AttentionTensor& v, const AttentionTensor& out,
                             float* lse) {
  SmallBuffers b;
  scratch().lay_out([&](Scratch& s) {
    s.take(b.qt, p.head_dim / 2 * kLanes);
    s.take(b.scores, kLanes * kLanes);
    s.take(b.weights, kLanes / 2 * kLanes);
    s.take(b.values, kLanes / 2 * round_up(p.head_dim, kLanes));
  });
  int64_t keys = p.keys;
  if (p.key_lengths) keys = p.key_lengths[batch] < 0 ? 0 : p.key_lengths[batch] < keys ? p.key_lengths[batch] : keys;
  for (int64_t head = 0; head < p.heads; ++head) {
    if (next >= 0) {
      prefetch_rows(q.at(next, head), q.token_stride, p.queries, p.head_dim);
      prefetch_rows(k.at(next, head), k.token_stride, p.keys, p.head_dim);
      prefetch_rows(v.at(next, head), v.token_stride, p.keys, p.head_dim);
    }
    small_head(p, batch, head, keys, q, k, v, out, lse ? lse + head * p.queries : nullptr, b);
  }
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
bool attention_is_small(const AttentionProblem&) { return false; }
void attention_small_forward(const AttentionProblem&, int64_t, int64_t, const AttentionTensor&, const AttentionTensor&,
                             const AttentionTensor&, const AttentionTensor&, float*) {}
}  // namespace cambium::nn::kernels
#endif
