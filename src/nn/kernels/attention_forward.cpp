#include "nn/kernels/attention_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/attention_relative.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int64_t kBlockGroups = 32;  // keys whose weights wait in L1 for their product with the values: 256
constexpr float kHeadroom = 60;       // a score may exceed the maximum so far by 2^60 before anything is rescaled
constexpr float kUnset = -5e29f;      // the limit of a query that has seen no key: any score passes it

struct ForwardBuffers {
  int32_t* index;
  uint32_t *k, *v;    // pack_for_scores, pack_for_sums
  uint32_t* qt;       // [D/2][NQ * 16]
  uint32_t* weights;  // [key pairs of a block][NQ * 16]
  float* sums;        // [D rounded up to 16][NQ * 16]: O^T
  float* aside;       // [16][NQ * 16]: scores that moved the maximum
  RelativeStrip strip;
  RelativeTile rel;
};

// The state of a tile of queries on its way over the keys. Scores are in log2 units.
template <int NQ>
struct Running {
  __m512 top[NQ];    // what scores are taken relative to: the maximum, or less by up to kHeadroom
  __m512 limit[NQ];  // kHeadroom, or kUnset
  __m512 sum[NQ];    // of the rounded weights, so that they add up to 1
};

template <int R, int NQ>
inline void weigh(__m512 (&x)[R][NQ], Running<NQ>& run, uint32_t* weights) {
  const Exp2 exp2;
  const __m512bh ones = as_pairs(_mm512_set1_epi32(0x3f803f80));
#pragma GCC unroll 8
  for (int i = 0; i < R; i += 2) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      const __m512i w = interleave(exp2(x[i][j]), exp2(x[i + 1][j]));
      run.sum[j] = _mm512_dpbf16_ps(run.sum[j], as_pairs(w), ones);
      _mm512_store_si512(weights + (i / 2 * NQ + j) * kLanes, w);
    }
  }
}

// Scores of G groups of keys, and their weights unless a score passes its limit: then the scores lie in b.aside.
template <int G, int NQ, bool kRelative, bool kHides>
inline bool score_groups(const AttentionProblem& p, const ForwardBuffers& b, int64_t group, int64_t first,
                         Running<NQ>& run, uint32_t* weights) {
  constexpr int kRows = G * kGroup;
  const int64_t pairs = p.head_dim / 2;
  asm volatile("" : "+m"(run));  // in memory, not in registers that the product needs
  __m512 x[kRows][NQ];
  clear(x);
  add_products<G, NQ>(b.k + group * pairs * kGroup, pairs * kGroup, b.qt, pairs, x);

  const __m512 scale = _mm512_set1_ps(p.scale * kLog2E);
  __m512 top[NQ];
#pragma GCC unroll 3
  for (int j = 0; j < NQ; ++j) top[j] = _mm512_set1_ps(kMasked);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const int64_t key = group * kGroup + i;
    const float* height = kRelative ? b.rel.height + b.rel.height_at[key] : nullptr;
    const float* width = kRelative ? b.rel.width + b.rel.width_at[key] : nullptr;
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      if constexpr (kRelative) {
        x[i][j] = _mm512_add_ps(_mm512_fmadd_ps(x[i][j], scale, _mm512_load_ps(height + j * kLanes)),
                                _mm512_load_ps(width + j * kLanes));
      } else {
        x[i][j] = _mm512_fmsub_ps(x[i][j], scale, run.top[j]);
      }
      if constexpr (kHides)
        x[i][j] =
            _mm512_mask_mov_ps(x[i][j], hidden_lanes(p, b.index[key], first + j * kLanes), _mm512_set1_ps(kMasked));
      top[j] = _mm512_max_ps(top[j], x[i][j]);
    }
  }
  __mmask16 passed = 0;
#pragma GCC unroll 3
  for (int j = 0; j < NQ; ++j) passed |= _mm512_cmp_ps_mask(top[j], run.limit[j], _CMP_GT_OQ);
  if (__builtin_expect(passed != 0, 0)) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
      for (int j = 0; j < NQ; ++j) _mm512_store_ps(b.aside + (i * NQ + j) * kLanes, x[i][j]);
    }
    return false;
  }
  weigh(x, run, weights);
  return true;
}

// Takes the maximum from the scores in b.aside where they pass the limit, rescales what was summed before, and weighs
// them.
template <int G, int NQ, bool kRelative>
__attribute__((noinline)) void move_top(const AttentionProblem& p, const ForwardBuffers& b, Running<NQ>& run,
                                        uint32_t* weights) {
  constexpr int kRows = G * kGroup;
  const Exp2 exp2;
  __m512 shift[NQ], factor[NQ];
  for (int j = 0; j < NQ; ++j) {
    __m512 top = _mm512_set1_ps(kMasked);
    for (int i = 0; i < kRows; ++i) top = _mm512_max_ps(top, _mm512_load_ps(b.aside + (i * NQ + j) * kLanes));
    const __mmask16 moved = _mm512_cmp_ps_mask(top, run.limit[j], _CMP_GT_OQ);
    const __mmask16 fresh = moved & _mm512_cmp_ps_mask(run.limit[j], _mm512_setzero_ps(), _CMP_LT_OQ);
    shift[j] = _mm512_maskz_mov_ps(moved, top);
    // A query that had seen nothing has nothing to rescale.
    factor[j] = _mm512_mask_mov_ps(exp2(_mm512_sub_ps(_mm512_setzero_ps(), shift[j])), fresh, _mm512_setzero_ps());
    factor[j] = _mm512_mask_mov_ps(_mm512_set1_ps(1), moved, factor[j]);
    run.top[j] = _mm512_add_ps(run.top[j], shift[j]);
    run.limit[j] = _mm512_mask_mov_ps(run.limit[j], moved, _mm512_set1_ps(kHeadroom));
    run.sum[j] = _mm512_mul_ps(run.sum[j], factor[j]);
    for (int64_t d = 0; d < p.head_dim; ++d) {
      float* at = b.sums + (d * NQ + j) * kLanes;
      _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor[j]));
    }
    if constexpr (kRelative) {
      for (int64_t k = 0; k < p.rel.key_rows; ++k) {
        float* at = b.rel.height + k * kTile + j * kLanes;
        _mm512_store_ps(at, _mm512_sub_ps(_mm512_load_ps(at), shift[j]));
      }
    }
  }
  __m512 x[kRows][NQ];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < NQ; ++j) x[i][j] = _mm512_sub_ps(_mm512_load_ps(b.aside + (i * NQ + j) * kLanes), shift[j]);
  }
  weigh(x, run, weights);
}

// Groups from..to-1, G at a time; weights begin at `from`'s. Returns the first group that moves the maximum, or `to`.
template <int G, int NQ, bool kRelative, bool kHides>
int64_t score_run(const AttentionProblem& p, const ForwardBuffers& b, int64_t from, int64_t to, int64_t first,
                  Running<NQ>& run, uint32_t* weights) {
  int64_t group = from;
  for (; group + G <= to; group += G) {
    if (!score_groups<G, NQ, kRelative, kHides>(p, b, group, first, run,
                                                weights + (group - from) * (kGroup / 2) * NQ * kLanes))
      return group;
  }
  return group;
}

// Groups from..to-1, all whole or all hiding something.
template <int G, int NQ, bool kRelative, bool kHides>
int64_t forward_run(const AttentionProblem& p, const ForwardBuffers& b, const KeyList& keys, int64_t from, int64_t to,
                    int64_t first, Running<NQ>& run) {
  const int64_t step = keys.padded() / 2 * kGroup, d_groups = (p.head_dim + kGroup - 1) / kGroup;
  while (from + G <= to) {
    const int64_t end = from + kBlockGroups < to ? from + kBlockGroups : to;
    const int64_t done = score_run<G, NQ, kRelative, kHides>(p, b, from, end, first, run, b.weights);
    if (done > from)
      mix<NQ>(b.v + from * (kGroup / 2) * kGroup, step, d_groups, b.weights, (done - from) * (kGroup / 2), b.sums);
    from = done;
    if (done + G > end) continue;
    move_top<G, NQ, kRelative>(p, b, run, b.weights);
    mix<NQ>(b.v + from * (kGroup / 2) * kGroup, step, d_groups, b.weights, G * (kGroup / 2), b.sums);
    from += G;
  }
  return from;
}

template <int NQ, bool kRelative>
void forward_tile(const AttentionProblem& p, const ForwardBuffers& b, const KeyList& keys, int64_t first, int64_t count,
                  const uint16_t* q, int64_t q_stride, uint16_t* out, int64_t out_stride, float* lse) {
  pack_lanes(q + first * q_stride, q_stride, count, p.head_dim, NQ, b.qt);
  __builtin_memset(b.sums, 0, static_cast<size_t>(round_up(p.head_dim, kLanes) * NQ * kLanes) * sizeof(float));
  Running<NQ> run;
  for (int j = 0; j < NQ; ++j) {
    run.top[j] = run.sum[j] = _mm512_setzero_ps();
    run.limit[j] = _mm512_set1_ps(kUnset);
  }
  const TileKeys range = tile_keys(p, keys, first, first + count);
  int64_t group = 0;
  if constexpr (NQ == 1)  // two groups of keys at once, for the latency's sake
    group = forward_run<2, NQ, kRelative, false>(p, b, keys, group, range.whole, first, run);
  group = forward_run<1, NQ, kRelative, false>(p, b, keys, group, range.whole, first, run);
  forward_run<1, NQ, kRelative, true>(p, b, keys, group, range.touched, first, run);

  __m512 factor[NQ];
  for (int j = 0; j < NQ; ++j) {
    const __mmask16 blind = _mm512_cmp_ps_mask(run.sum[j], _mm512_setzero_ps(), _CMP_EQ_OQ);
    factor[j] = _mm512_mask_div_ps(_mm512_setzero_ps(), _knot_mask16(blind), _mm512_set1_ps(1), run.sum[j]);
    if (!lse) continue;
    const __m512 sums = _mm512_add_ps(run.top[j], log2_positive(run.sum[j]));
    _mm512_mask_storeu_ps(lse + first + j * kLanes, first_lanes(count - j * kLanes),
                          _mm512_mask_mov_ps(sums, blind, _mm512_set1_ps(kNoWeight)));
  }
  store_lanes<NQ>(b.sums, factor, count, p.head_dim, out + first * out_stride, out_stride);
}

// Queries first..last-1, whose tables (if any) are those of the strip that begins at first.
template <bool kRelative>
void forward_strip(const AttentionProblem& p, const ForwardBuffers& b, const KeyList& keys, int64_t first, int64_t last,
                   const Upcoming& upcoming, const uint16_t* q, int64_t q_stride, uint16_t* out, int64_t out_stride,
                   float* lse) {
  const Tiling tiling(last - first);
  for (int64_t t = 0; t < tiling.tiles; ++t) {
    upcoming.fetch(t, tiling.tiles);
    const int64_t from = tiling(t), to = tiling(t + 1), count = (first + to < last ? first + to : last) - first - from;
    const auto run = [&]<int NQ>() {
      if constexpr (kRelative) relative_tile<NQ>(p.rel, b.strip, from, b.rel);
      forward_tile<NQ, kRelative>(p, b, keys, first + from, count, q, q_stride, out, out_stride, lse);
    };
    switch ((to - from) / kLanes) {
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

}  // namespace

void attention_forward(const AttentionProblem& p, const AttentionPart& part, const AttentionNext& next,
                       const AttentionTensor& q, const AttentionTensor& k, const AttentionTensor& v,
                       const AttentionTensor& out, float* lse) {
  const int64_t padded = round_up(p.keys, kGroup), d = round_up(p.head_dim, kLanes);
  const bool relative = p.rel.height != nullptr;
  ForwardBuffers b;
  scratch().lay_out([&](Scratch& s) {
    s.take(b.index, padded);
    s.take(b.k, padded * p.head_dim / 2);
    s.take(b.v, padded / 2 * d);
    s.take(b.qt, p.head_dim / 2 * kTile);
    s.take(b.weights, (kBlockGroups * kGroup / 2) * kTile);
    s.take(b.sums, d * kTile);
    s.take(b.aside, kGroup * kTile);
    if (!relative) return;
    b.strip.take(s, p.rel, p.head_dim);
    b.rel.take(s, p.rel, padded);
  });
  const KeyList keys = list_keys(p, part.batch, b.index);
  pack_for_scores(k.at(part.batch, part.head), k.token_stride, keys, p.head_dim, b.k);
  pack_for_sums(v.at(part.batch, part.head), v.token_stride, keys, p.head_dim, b.v);
  Upcoming upcoming{.head_dim = p.head_dim};
  if (next.head >= 0) {
    upcoming.add(q, next.batch, next.head, p.queries);
    upcoming.add(k, next.batch, next.head, p.keys);
    upcoming.add(v, next.batch, next.head, p.keys);
  }
  const uint16_t* queries = q.at(part.batch, part.head);
  uint16_t* to = out.at(part.batch, part.head);
  if (!relative) {
    forward_strip<false>(p, b, keys, part.first, part.last, upcoming, queries, q.token_stride, to, out.token_stride,
                         lse);
    return;
  }
  b.rel.place(p.rel, keys);
  const int64_t columns = p.rel.query_columns, end = part.last / columns;
  for (int64_t row = part.first / columns; row < end; row += kStripRows) {
    const int64_t rows = end - row < kStripRows ? end - row : kStripRows;
    relative_strip(p.rel, p.head_dim, queries, q.token_stride, row, rows, b.strip);
    forward_strip<true>(p, b, keys, row * columns, (row + rows) * columns, upcoming, queries, q.token_stride, to,
                        out.token_stride, lse);
  }
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
void attention_forward(const AttentionProblem&, const AttentionPart&, const AttentionNext&, const AttentionTensor&,
                       const AttentionTensor&, const AttentionTensor&, const AttentionTensor&, float*) {}
}  // namespace cambium::nn::kernels
#endif
