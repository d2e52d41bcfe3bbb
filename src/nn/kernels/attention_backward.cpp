#include "nn/kernels/attention_kernel.h"

#if defined(__x86_64__)
#include "nn/kernels/attention_relative_gradient.h"
#include "nn/kernels/attention_rows.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

constexpr int64_t kBlockGroups = 12;  // keys whose weights wait in L1: 96
constexpr int64_t kBlockTiles = 2;    // tiles whose queries are summed over at once for dK and dV
constexpr int64_t kWidth = kBlockTiles * kTile;

struct TileBuffers {
  uint32_t *qt, *dot;  // queries and the output's gradient, pairs over D, [D/2][NQ * 16]
  float* dq;           // [D rounded up to 16][NQ * 16]
  float* lse;          // [NQ * 16], and delta = dout . out
  float* delta;
  RelativeTile rel;
  RelativeTile drel;
};

struct BackwardBuffers {
  int32_t* index;
  uint32_t *k_scores, *v_scores;  // pack_for_scores
  uint32_t* k_sums;               // pack_for_sums
  TileBuffers tiles[kBlockTiles];
  uint32_t *q_pairs, *dout_pairs;  // [kWidth / 2][padded]
  uint32_t* weights;               // dS as pairs of keys: [key pairs of a block][NQ * 16]
  float* weighed;                  // P of one group
  uint16_t *p_rows, *ds_rows;      // [keys of a block][kWidth]
  float *dk, *dv;                  // [packed keys][padded]
  RelativeStrip strip;
  RelativeGradientStrip gradient;
};

// P and dS of one group of keys: as rows over queries (for dV, dK) and dS as pairs of keys (for dQ).
template <int NQ, bool kRelative, bool kHides>
inline void gradient_group(const AttentionProblem& p, const BackwardBuffers& b, const TileBuffers& t, int64_t group,
                           int64_t first, int64_t row, int64_t column) {
  const int64_t pairs = p.head_dim / 2;
  __m512 x[kGroup][NQ];
  clear(x);
  add_products<1, NQ>(b.k_scores + group * pairs * kGroup, 0, t.qt, pairs, x);
  const Exp2 exp2;
  const __m512 scale = _mm512_set1_ps(p.scale * kLog2E);
#pragma GCC unroll 8
  for (int i = 0; i < kGroup; ++i) {
    const int64_t key = group * kGroup + i;
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      __m512 s;
      if constexpr (kRelative) {
        s = _mm512_add_ps(
            _mm512_fmadd_ps(x[i][j], scale, _mm512_load_ps(t.rel.height + t.rel.height_at[key] + j * kLanes)),
            _mm512_load_ps(t.rel.width + t.rel.width_at[key] + j * kLanes));
      } else {
        s = _mm512_fmsub_ps(x[i][j], scale, _mm512_load_ps(t.lse + j * kLanes));
      }
      if constexpr (kHides)
        s = _mm512_mask_mov_ps(s, hidden_lanes(p, b.index[key], first + j * kLanes), _mm512_set1_ps(kMasked));
      const __m512 weight = exp2(s);
      _mm512_store_ps(b.weighed + (i * NQ + j) * kLanes, weight);
      _mm256_store_si256(reinterpret_cast<__m256i*>(b.p_rows + (row + i) * kWidth + column + j * kLanes),
                         reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(weight)));
    }
  }
  clear(x);
  add_products<1, NQ>(b.v_scores + group * pairs * kGroup, 0, t.dot, pairs, x);
#pragma GCC unroll 8
  for (int i = 0; i < kGroup; ++i) {
    const int64_t key = group * kGroup + i;
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j) {
      x[i][j] = _mm512_mul_ps(_mm512_load_ps(b.weighed + (i * NQ + j) * kLanes),
                              _mm512_sub_ps(x[i][j], _mm512_load_ps(t.delta + j * kLanes)));
      _mm256_store_si256(reinterpret_cast<__m256i*>(b.ds_rows + (row + i) * kWidth + column + j * kLanes),
                         reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x[i][j])));
      if constexpr (kRelative) {
        float* height = t.drel.height + t.rel.height_at[key] + j * kLanes;
        float* width = t.drel.width + t.rel.width_at[key] + j * kLanes;
        _mm512_store_ps(height, _mm512_add_ps(_mm512_load_ps(height), x[i][j]));
        _mm512_store_ps(width, _mm512_add_ps(_mm512_load_ps(width), x[i][j]));
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kGroup; i += 2) {
#pragma GCC unroll 3
    for (int j = 0; j < NQ; ++j)
      _mm512_store_si512(b.weights + (((row + i) / 2) * NQ + j) * kLanes, interleave(x[i][j], x[i + 1][j]));
  }
}

// One tile against the keys of groups from..to-1; its queries lie at `column` of the rows.
template <int NQ, bool kRelative>
void gradient_block(const AttentionProblem& p, const BackwardBuffers& b, const TileBuffers& t, const KeyList& keys,
                    int64_t from, int64_t to, int64_t first, int64_t count, int64_t column) {
  const TileKeys range = tile_keys(p, keys, first, first + count);
  for (int64_t group = from; group < to; ++group) {
    const int64_t row = (group - from) * kGroup;
    if (group < range.whole) {
      gradient_group<NQ, kRelative, false>(p, b, t, group, first, row, column);
    } else {
      gradient_group<NQ, kRelative, true>(p, b, t, group, first, row, column);
    }
  }
  mix<NQ>(b.k_sums + from * (kGroup / 2) * kGroup, keys.padded() / 2 * kGroup, (p.head_dim + kGroup - 1) / kGroup,
          b.weights, (to - from) * (kGroup / 2), t.dq);
}

// out . dout of one query.
inline float dot_rows(const uint16_t* a, const uint16_t* b, int64_t head_dim) {
  const auto load = [&](const uint16_t* x, int64_t d) {
    const __m256i half = _mm256_maskz_loadu_epi16(first_lanes(head_dim - d), x + d);
    return as_floats(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  };
  __m512 sum = _mm512_setzero_ps();
  for (int64_t d = 0; d < head_dim; d += kLanes) sum = _mm512_fmadd_ps(load(a, d), load(b, d), sum);
  return _mm512_reduce_add_ps(sum);
}

struct Rows {
  const uint16_t *q, *out, *dout;
  int64_t q_stride, out_stride, dout_stride;
  const float* lse;
};

template <int NQ, bool kRelative>
void begin_tile(const AttentionProblem& p, const BackwardBuffers& b, const TileBuffers& t, const Rows& rows,
                int64_t first, int64_t count, int64_t strip_first) {
  pack_lanes(rows.q + first * rows.q_stride, rows.q_stride, count, p.head_dim, NQ, t.qt);
  pack_lanes(rows.dout + first * rows.dout_stride, rows.dout_stride, count, p.head_dim, NQ, t.dot);
  __builtin_memset(t.dq, 0, static_cast<size_t>(round_up(p.head_dim, kLanes) * NQ * kLanes) * sizeof(float));
  for (int64_t i = 0; i < NQ * kLanes; ++i) {
    t.lse[i] = i < count ? rows.lse[first + i] : kNoWeight;
    t.delta[i] = i < count ? dot_rows(rows.out + (first + i) * rows.out_stride,
                                      rows.dout + (first + i) * rows.dout_stride, p.head_dim)
                           : 0;
  }
  if constexpr (kRelative) {
    relative_tile<NQ>(p.rel, b.strip, first - strip_first, t.rel);
    for (int64_t k = 0; k < p.rel.key_rows; ++k) {
      for (int j = 0; j < NQ; ++j) {
        float* at = t.rel.height + k * kTile + j * kLanes;
        _mm512_store_ps(at, _mm512_sub_ps(_mm512_load_ps(at), _mm512_load_ps(t.lse + j * kLanes)));
      }
    }
    __builtin_memset(t.drel.height, 0, static_cast<size_t>(p.rel.key_rows * kTile) * sizeof(float));
    __builtin_memset(t.drel.width, 0, static_cast<size_t>(p.rel.key_columns * kTile) * sizeof(float));
  }
}

// Calls f with the number of vectors as a template argument.
template <class F>
void with_vectors(int64_t vectors, const F& f) {
  switch (vectors) {
    case 1:
      f.template operator()<1>();
      break;
    case 2:
      f.template operator()<2>();
      break;
    default:
      f.template operator()<3>();
  }
}

// Queries first..last-1: dQ is finished, dK and dV gain their part.
template <bool kRelative>
void backward_strip(const AttentionProblem& p, const BackwardBuffers& b, const KeyList& keys, int64_t first,
                    int64_t last, const Upcoming& upcoming, const Rows& rows, uint16_t* dq, int64_t dq_stride) {
  const int64_t padded = round_up(p.head_dim, kLanes);
  const Tiling tiling(last - first);
  for (int64_t t = 0; t < tiling.tiles; t += kBlockTiles) {
    upcoming.fetch(t / kBlockTiles, (tiling.tiles + kBlockTiles - 1) / kBlockTiles);
    const int64_t tiles = tiling.tiles - t < kBlockTiles ? tiling.tiles - t : kBlockTiles;
    const int64_t begin = first + tiling(t), lanes = tiling(t + tiles) - tiling(t);
    const int64_t count = last - begin < lanes ? last - begin : lanes;
    const auto each_tile = [&](const auto& f) {
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t column = tiling(t + i) - tiling(t), width = tiling(t + i + 1) - tiling(t + i);
        const int64_t own = count - column < width ? count - column : width;
        with_vectors(width / kLanes, [&]<int NQ>() { f.template operator()<NQ>(b.tiles[i], column, own); });
      }
    };
    each_tile([&]<int NQ>(const TileBuffers& tile, int64_t column, int64_t own) {
      begin_tile<NQ, kRelative>(p, b, tile, rows, begin + column, own, first);
    });
    pack_row_pairs(rows.q + begin * rows.q_stride, rows.q_stride, count, lanes / 2, p.head_dim, padded, b.q_pairs);
    pack_row_pairs(rows.dout + begin * rows.dout_stride, rows.dout_stride, count, lanes / 2, p.head_dim, padded,
                   b.dout_pairs);
    const int64_t groups = tile_keys(p, keys, begin, begin + count).touched;
    for (int64_t from = 0; from < groups; from += kBlockGroups) {
      const int64_t to = from + kBlockGroups < groups ? from + kBlockGroups : groups;
      each_tile([&]<int NQ>(const TileBuffers& tile, int64_t column, int64_t own) {
        gradient_block<NQ, kRelative>(p, b, tile, keys, from, to, begin + column, own, column);
      });
      const int64_t key = from * kGroup, key_count = (to - from) * kGroup;
      accumulate_all(b.p_rows, kWidth, b.dout_pairs, padded, lanes / 2, key_count, b.dv + key * padded);
      accumulate_all(b.ds_rows, kWidth, b.q_pairs, padded, lanes / 2, key_count, b.dk + key * padded);
    }
    each_tile([&]<int NQ>(const TileBuffers& tile, int64_t column, int64_t own) {
      if constexpr (kRelative) {
        relative_gradient_tile<NQ>(p, tile.drel, tile.dq, begin + column - first, own, b.gradient);
      } else {
        __m512 factor[NQ];
        for (int j = 0; j < NQ; ++j) factor[j] = _mm512_set1_ps(p.scale);
        store_lanes<NQ>(tile.dq, factor, own, p.head_dim, dq + (begin + column) * dq_stride, dq_stride);
      }
    });
  }
}

}  // namespace

void attention_backward(const AttentionProblem& p, int64_t batch, int64_t head, const AttentionNext& next,
                        const AttentionTensor& q, const AttentionTensor& k, const AttentionTensor& v,
                        const AttentionGradients& g) {
  const int64_t keys_padded = round_up(p.keys, kGroup), padded = round_up(p.head_dim, kLanes);
  const bool relative = p.rel.height != nullptr;
  BackwardBuffers b;
  scratch().lay_out([&](Scratch& s) {
    s.take(b.index, keys_padded);
    s.take(b.k_scores, keys_padded * p.head_dim / 2);
    s.take(b.v_scores, keys_padded * p.head_dim / 2);
    s.take(b.k_sums, keys_padded / 2 * padded);
    for (TileBuffers& t : b.tiles) {
      s.take(t.qt, p.head_dim / 2 * kTile);
      s.take(t.dot, p.head_dim / 2 * kTile);
      s.take(t.dq, padded * kTile);
      s.take(t.lse, kTile);
      s.take(t.delta, kTile);
      if (!relative) continue;
      t.rel.take(s, p.rel, keys_padded);
      t.drel.take(s, p.rel, 0);
    }
    s.take(b.q_pairs, kWidth / 2 * padded);
    s.take(b.dout_pairs, kWidth / 2 * padded);
    s.take(b.weights, kBlockGroups * kGroup / 2 * kTile);
    s.take(b.weighed, kGroup * kTile);
    s.take(b.p_rows, kBlockGroups * kGroup * kWidth);
    s.take(b.ds_rows, kBlockGroups * kGroup * kWidth);
    s.take(b.dk, keys_padded * padded);
    s.take(b.dv, keys_padded * padded);
    if (!relative) return;
    b.strip.take(s, p.rel, p.head_dim);
    b.gradient.take(s, p.rel, p.head_dim);
  });
  const KeyList keys = list_keys(p, batch, b.index);
  pack_for_scores(k.at(batch, head), k.token_stride, keys, p.head_dim, b.k_scores);
  pack_for_scores(v.at(batch, head), v.token_stride, keys, p.head_dim, b.v_scores);
  pack_for_sums(k.at(batch, head), k.token_stride, keys, p.head_dim, b.k_sums);
  __builtin_memset(b.dk, 0, static_cast<size_t>(keys.padded() * padded) * sizeof(float));
  __builtin_memset(b.dv, 0, static_cast<size_t>(keys.padded() * padded) * sizeof(float));
  const Rows rows{.q = q.at(batch, head),
                  .out = g.out.at(batch, head),
                  .dout = g.dout.at(batch, head),
                  .q_stride = q.token_stride,
                  .out_stride = g.out.token_stride,
                  .dout_stride = g.dout.token_stride,
                  .lse = g.lse};
  Upcoming upcoming{.head_dim = p.head_dim};
  if (next.head >= 0) {
    for (const AttentionTensor* t : {&q, &g.out, &g.dout}) upcoming.add(*t, next.batch, next.head, p.queries);
    for (const AttentionTensor* t : {&k, &v}) upcoming.add(*t, next.batch, next.head, p.keys);
  }
  uint16_t* dq = g.dq.at(batch, head);
  if (!relative) {
    backward_strip<false>(p, b, keys, 0, p.queries, upcoming, rows, dq, g.dq.token_stride);
  } else {
    for (TileBuffers& t : b.tiles) t.rel.place(p.rel, keys);
    const int64_t columns = p.rel.query_columns;
    for (int64_t row = 0; row < p.rel.query_rows; row += kStripRows) {
      const int64_t count = p.rel.query_rows - row < kStripRows ? p.rel.query_rows - row : kStripRows;
      relative_strip(p.rel, p.head_dim, rows.q, rows.q_stride, row, count, b.strip);
      backward_strip<true>(p, b, keys, row * columns, (row + count) * columns, upcoming, rows, dq, g.dq.token_stride);
      relative_gradient_strip(p, g, rows.q, rows.q_stride, row, count, dq, g.dq.token_stride, b.gradient);
    }
  }
  store_rows(b.dk, p.scale, padded, keys, p.head_dim, g.dk.at(batch, head), g.dk.token_stride);
  store_rows(b.dv, 1, padded, keys, p.head_dim, g.dv.at(batch, head), g.dv.token_stride);
  if (keys.count == p.keys) return;
  clear_hidden_rows(keys, p.keys, p.head_dim, g.dk.at(batch, head), g.dk.token_stride);
  clear_hidden_rows(keys, p.keys, p.head_dim, g.dv.at(batch, head), g.dv.token_stride);
}

int64_t packed_relative_words(int64_t positions, int64_t keys, int64_t head_dim) {
  return positions * round_up(keys, kGroup) / 2 * round_up(head_dim, kLanes);
}

void pack_relative_table(const uint16_t* table, int64_t positions, int64_t keys, int64_t head_dim, uint32_t* packed) {
  KeyList all{.count = keys, .groups = (keys + kGroup - 1) / kGroup};
  scratch().lay_out([&](Scratch& s) { s.take(all.index, all.padded()); });
  for (int64_t i = 0; i < keys; ++i) all.index[i] = static_cast<int32_t>(i);
  const int64_t step = packed_relative_words(1, keys, head_dim);
  for (int64_t i = 0; i < positions; ++i)
    pack_for_sums(table + i * keys * head_dim, head_dim, all, head_dim, packed + i * step);
}

}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END

#else
namespace cambium::nn::kernels {
void attention_backward(const AttentionProblem&, int64_t, int64_t, const AttentionNext&, const AttentionTensor&,
                        const AttentionTensor&, const AttentionTensor&, const AttentionGradients&) {}
int64_t packed_relative_words(int64_t, int64_t, int64_t) { return 0; }
void pack_relative_table(const uint16_t*, int64_t, int64_t, int64_t, uint32_t*) {}
}  // namespace cambium::nn::kernels
#endif
