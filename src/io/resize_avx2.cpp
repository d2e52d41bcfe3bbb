// The passes with AVX2. A weight of 22 bits does not fit the 16-bit multiply-add, so it is split as high * 4096 + low
// and both halves are summed apart: the sum modulo 2^32 is the scalar one's, hence the same bytes.
#include "io/resize_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

// Functions carry the instruction set, not the file: everything here is called behind a check of the processor.
#define CAMBIUM_AVX2 __attribute__((target("avx2")))

namespace cambium::io::kernels {
namespace {

constexpr int kSplitBits = 12;

struct SplitWeights {
  // Per output and pair of taps: two 16-bit halves in one word, (t, t + 1).
  std::vector<int32_t> low, high;
};

SplitWeights split(const Axis& axis) {
  SplitWeights parts;
  parts.low.resize(axis.weights.size() / 2);
  parts.high.resize(axis.weights.size() / 2);
  const auto low_of = [](int32_t w) {
    constexpr int32_t kRange = 1 << kSplitBits;
    return ((w + kRange / 2) & (kRange - 1)) - kRange / 2;
  };
  const auto pack = [](int32_t a, int32_t b) {
    return static_cast<int32_t>((static_cast<uint32_t>(a) & 0xFFFF) | static_cast<uint32_t>(b) << 16);
  };
  for (size_t i = 0; i < parts.low.size(); ++i) {
    const int32_t a = axis.weights[2 * i], b = axis.weights[2 * i + 1];
    parts.low[i] = pack(low_of(a), low_of(b));
    parts.high[i] = pack((a - low_of(a)) >> kSplitBits, (b - low_of(b)) >> kSplitBits);
  }
  return parts;
}

CAMBIUM_AVX2 inline __m256i finish(__m256i low, __m256i high) {
  const __m256i half = _mm256_set1_epi32(1 << (kPrecisionBits - 1));
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, kSplitBits), _mm256_add_epi32(low, half));
  return _mm256_srai_epi32(sum, kPrecisionBits);
}

CAMBIUM_AVX2 inline __m256i load_two(const uint8_t* a, const uint8_t* b) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a))),
                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)), 1);
}

CAMBIUM_AVX2 inline void add_products(__m256i& low, __m256i& high, __m256i pixels, __m256i low_weights,
                                      __m256i high_weights) {
  low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, low_weights));
  high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, high_weights));
}

// Four source rows at a time, two to a register; the channels of a pixel lie in 32-bit lanes.
template <int kChannels>
CAMBIUM_AVX2 void horizontal_four(const uint8_t* const rows[4], const Axis& axis, const SplitWeights& parts,
                                  uint8_t* const out[4]) {
  // (channel of pixel t, channel of pixel t + 1) pairs as 16-bit numbers: pixels 0 and 1, then 2 and 3.
  alignas(16) uint8_t masks[2][16];
  std::memset(masks, 0x80, sizeof masks);
  for (int pair = 0; pair < 2; ++pair) {
    for (int c = 0; c < kChannels; ++c) {
      masks[pair][4 * c] = static_cast<uint8_t>(2 * pair * kChannels + c);
      masks[pair][4 * c + 2] = static_cast<uint8_t>((2 * pair + 1) * kChannels + c);
    }
  }
  const __m256i first_pair = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i*>(masks[0])));
  const __m256i second_pair = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i*>(masks[1])));
  const int64_t pairs = axis.taps / 2;
  for (int64_t x = 0; x < axis.size; ++x) {
    const int32_t* low_weights = parts.low.data() + x * pairs;
    const int32_t* high_weights = parts.high.data() + x * pairs;
    int64_t offset = int64_t{axis.first[x]} * kChannels;
    __m256i low_a = _mm256_setzero_si256(), high_a = low_a, low_b = low_a, high_b = low_a;
    for (int32_t t = 0; t < axis.count[x]; t += 4, offset += 4 * kChannels) {
      const __m256i a = load_two(rows[0] + offset, rows[1] + offset);
      const __m256i b = load_two(rows[2] + offset, rows[3] + offset);
      const __m256i low_0 = _mm256_set1_epi32(low_weights[t / 2]), low_1 = _mm256_set1_epi32(low_weights[t / 2 + 1]);
      const __m256i high_0 = _mm256_set1_epi32(high_weights[t / 2]),
                    high_1 = _mm256_set1_epi32(high_weights[t / 2 + 1]);
      add_products(low_a, high_a, _mm256_shuffle_epi8(a, first_pair), low_0, high_0);
      add_products(low_b, high_b, _mm256_shuffle_epi8(b, first_pair), low_0, high_0);
      add_products(low_a, high_a, _mm256_shuffle_epi8(a, second_pair), low_1, high_1);
      add_products(low_b, high_b, _mm256_shuffle_epi8(b, second_pair), low_1, high_1);
    }
    // [row 0: 4 lanes, row 2 | row 1, row 3] as 16 bits, then bytes.
    const __m256i words = _mm256_packs_epi32(finish(low_a, high_a), finish(low_b, high_b));
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const uint32_t pixels[4] = {
        static_cast<uint32_t>(_mm256_extract_epi32(bytes, 0)), static_cast<uint32_t>(_mm256_extract_epi32(bytes, 4)),
        static_cast<uint32_t>(_mm256_extract_epi32(bytes, 1)), static_cast<uint32_t>(_mm256_extract_epi32(bytes, 5))};
    // A store of 4 bytes for 3 channels is mended by the next pixel's, so only the last one must be exact.
    const size_t stored = x + 1 == axis.size ? kChannels : 4;
    for (int r = 0; r < 4; ++r) std::memcpy(out[r] + x * kChannels, &pixels[r], stored);
  }
}

// One block of 32 bytes of an output row.
CAMBIUM_AVX2 inline void vertical_block(const uint8_t* in, int64_t stride, int32_t count, const int32_t* low_weights,
                                        const int32_t* high_weights, uint8_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};
  for (int32_t t = 0; t < count; t += 2) {
    const uint8_t* upper = in + t * stride;
    const uint8_t* lower = t + 1 < count ? upper + stride : upper;  // its weight is zero
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower));
    const __m256i low_weight = _mm256_set1_epi32(low_weights[t / 2]);
    const __m256i high_weight = _mm256_set1_epi32(high_weights[t / 2]);
    const __m256i first = _mm256_unpacklo_epi8(a, b), second = _mm256_unpackhi_epi8(a, b);
    add_products(low[0], high[0], _mm256_unpacklo_epi8(first, zero), low_weight, high_weight);
    add_products(low[1], high[1], _mm256_unpackhi_epi8(first, zero), low_weight, high_weight);
    add_products(low[2], high[2], _mm256_unpacklo_epi8(second, zero), low_weight, high_weight);
    add_products(low[3], high[3], _mm256_unpackhi_epi8(second, zero), low_weight, high_weight);
  }
  // The packs undo the unpacks: both work within 128 bits.
  const __m256i words_0 = _mm256_packs_epi32(finish(low[0], high[0]), finish(low[1], high[1]));
  const __m256i words_1 = _mm256_packs_epi32(finish(low[2], high[2]), finish(low[3], high[3]));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_packus_epi16(words_0, words_1));
}

}  // namespace

void horizontal_avx2(const Rows& rows, int64_t channels, const Axis& axis, uint8_t* out) {
  const SplitWeights parts = split(axis);
  int64_t extent = 0;  // bytes of a row that the weights reach
  for (int64_t x = 0; x < axis.size; ++x) {
    extent = std::max(extent, (int64_t{axis.first[x]} + axis.count[x]) * channels);
  }
  constexpr int64_t kSlack = 16;  // loads may begin in the last pixel
  std::vector<uint8_t> copies(4 * (extent + kSlack));
  for (int64_t y = 0; y < rows.count; y += 4) {
    const uint8_t* sources[4];
    uint8_t* targets[4];
    for (int64_t r = 0; r < 4; ++r) {
      const int64_t row = std::min(y + r, rows.count - 1);  // the last row again, where there are no four
      sources[r] = rows.data + row * rows.stride;
      targets[r] = out + row * axis.size * channels;
      if (rows.end - sources[r] < extent + kSlack) {
        uint8_t* copy = copies.data() + r * (extent + kSlack);
        std::memcpy(copy, sources[r], extent);
        sources[r] = copy;
      }
    }
    channels == 3 ? horizontal_four<3>(sources, axis, parts, targets)
                  : horizontal_four<4>(sources, axis, parts, targets);
  }
}

void vertical_avx2(const Rows& rows, int64_t offset, int64_t row_bytes, const Axis& axis, uint8_t* out) {
  constexpr int64_t kBlock = 32;
  const SplitWeights parts = split(axis);
  // Rows narrower than a block are worked on in a copy.
  if (row_bytes < kBlock) {
    std::vector<uint8_t> wide(rows.count * kBlock), result(axis.size * kBlock);
    for (int64_t y = 0; y < rows.count; ++y) std::memcpy(&wide[y * kBlock], rows.data + y * rows.stride, row_bytes);
    vertical_avx2({wide.data(), kBlock, rows.count, wide.data() + wide.size()}, offset, kBlock, axis, result.data());
    for (int64_t y = 0; y < axis.size; ++y) std::memcpy(out + y * row_bytes, &result[y * kBlock], row_bytes);
    return;
  }
  const int64_t pairs = axis.taps / 2;
  for (int64_t y = 0; y < axis.size; ++y) {
    const uint8_t* in = rows.data + (axis.first[y] - offset) * rows.stride;
    const int32_t* low = parts.low.data() + y * pairs;
    const int32_t* high = parts.high.data() + y * pairs;
    for (int64_t x = 0;; x += kBlock) {
      x = std::min(x, row_bytes - kBlock);  // the last block overlaps the one before
      vertical_block(in + x, rows.stride, axis.count[y], low, high, out + y * row_bytes + x);
      if (x == row_bytes - kBlock) break;
    }
  }
}

}  // namespace cambium::io::kernels
#endif
