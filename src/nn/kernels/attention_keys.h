#pragma once
// The keys that a batch row sees, packed for the kernel: hidden keys are left out, so a mask costs nothing and saves
// their work. Only for the kernel's own sources.
#include <climits>

#include "nn/kernels/attention_tile.h"

CAMBIUM_AVX512_BEGIN

namespace cambium::nn::kernels {
namespace {

struct KeyList {
  int64_t count = 0;
  int64_t groups = 0;        // of 8
  int32_t* index = nullptr;  // [groups * 8] where each key lies in the tensor, ascending; INT32_MAX beyond count

  int64_t padded() const { return groups * kGroup; }
};

KeyList list_keys(const AttentionProblem& p, int64_t batch, int32_t* index) {
  int64_t length = p.keys;
  if (p.key_lengths) {
    length = p.key_lengths[batch];
    length = length < 0 ? 0 : length > p.keys ? p.keys : length;
  }
  const bool* mask = p.key_mask ? p.key_mask + batch * p.keys : nullptr;
  KeyList list{.index = index};
  for (int64_t i = 0; i < length; ++i) {
    if (!mask || mask[i]) index[list.count++] = static_cast<int32_t>(i);
  }
  list.groups = (list.count + kGroup - 1) / kGroup;
  for (int64_t i = list.count; i < list.padded(); ++i) index[i] = INT_MAX;
  return list;
}

// Rows -> [groups][D/2][8] words: pairs over D of eight keys side by side, to be broadcast one after another.
void pack_for_scores(const uint16_t* rows, int64_t stride, const KeyList& keys, int64_t head_dim, uint32_t* out) {
  const int64_t pairs = head_dim / 2, step = pairs * kGroup;
  for (int64_t g = 0; g < keys.groups; g += 2) {
    const bool second = g + 1 < keys.groups;
    uint32_t* group = out + g * step;
    for (int64_t p = 0; p < pairs; p += kLanes) {
      __m512i r[16];
      for (int i = 0; i < 16; ++i) {
        const int64_t key = g * kGroup + i;
        r[i] = key < keys.count
                   ? _mm512_maskz_loadu_epi32(first_lanes(pairs - p), rows + keys.index[key] * stride + 2 * p)
                   : _mm512_setzero_si512();
      }
      transpose16(r);
      for (int i = 0; i < 16 && p + i < pairs; ++i) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + (p + i) * kGroup), _mm512_castsi512_si256(r[i]));
        if (second)
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(group + step + (p + i) * kGroup),
                              _mm512_extracti64x4_epi64(r[i], 1));
      }
    }
  }
}

// Rows -> [ceil(D/8)][groups * 4][8] words: pairs of keys, eight values of D side by side; 0 beyond the keys and D.
void pack_for_sums(const uint16_t* rows, int64_t stride, const KeyList& keys, int64_t head_dim, uint32_t* out) {
  const int64_t pairs = keys.padded() / 2, step = pairs * kGroup;
  for (int64_t i = 0; i < pairs; ++i) {
    const uint16_t* low_row = 2 * i < keys.count ? rows + keys.index[2 * i] * stride : nullptr;
    const uint16_t* high_row = 2 * i + 1 < keys.count ? rows + keys.index[2 * i + 1] * stride : nullptr;
    uint32_t* to = out + i * kGroup;
    for (int64_t d = 0; d < head_dim; d += kLanes, to += 2 * step) {
      const __mmask16 mask = first_lanes(head_dim - d);
      const __m512i low =
          low_row ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, low_row + d)) : _mm512_setzero_si512();
      const __m512i high =
          high_row ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, high_row + d)) : _mm512_setzero_si512();
      const __m512i both = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(both));
      if (d + kGroup < head_dim)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + step), _mm512_extracti64x4_epi64(both, 1));
    }
  }
}

// Which groups of keys a tile of queries first..last-1 touches.
struct TileKeys {
  int64_t whole = 0;    // groups that every query sees entirely
  int64_t touched = 0;  // groups that some query sees a part of
};

TileKeys tile_keys(const AttentionProblem& p, const KeyList& keys, int64_t first, int64_t last) {
  TileKeys t{.whole = keys.count / kGroup, .touched = keys.groups};
  if (!p.causal) return t;
  while (t.whole > 0 && keys.index[t.whole * kGroup - 1] > first) --t.whole;
  while (t.touched > 0 && keys.index[(t.touched - 1) * kGroup] >= last) --t.touched;
  return t;
}

// The lanes of queries first..first+15 that do not see the key (of a group that is not whole).
inline __mmask16 hidden_lanes(const AttentionProblem& p, int32_t key, int64_t first) {
  return p.causal || key == INT_MAX ? first_lanes(key - first) : __mmask16(0);
}

}  // namespace
}  // namespace cambium::nn::kernels

CAMBIUM_AVX512_END
