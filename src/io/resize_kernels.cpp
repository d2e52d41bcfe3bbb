#include "io/resize_kernels.h"

#include <algorithm>

namespace cambium::io::kernels {
namespace {

constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255)); }

template <int kChannels>
void horizontal_rows(const Rows& rows, const Axis& axis, uint8_t* out) {
  for (int64_t y = 0; y < rows.count; ++y) {
    const uint8_t* row = rows.data + y * rows.stride;
    for (int64_t x = 0; x < axis.size; ++x, out += kChannels) {
      const int32_t* weights = axis.weights.data() + x * axis.taps;
      const uint8_t* in = row + int64_t{axis.first[x]} * kChannels;
      int32_t sums[kChannels];
      for (int c = 0; c < kChannels; ++c) sums[c] = kHalf;
      for (int32_t t = 0; t < axis.count[x]; ++t, in += kChannels) {
        for (int c = 0; c < kChannels; ++c) sums[c] += weights[t] * in[c];
      }
      for (int c = 0; c < kChannels; ++c) out[c] = to_byte(sums[c]);
    }
  }
}

#if defined(__x86_64__)
const bool kAvx2 = __builtin_cpu_supports("avx2");
#endif

}  // namespace

void horizontal(const Rows& rows, int64_t channels, const Axis& axis, uint8_t* out) {
#if defined(__x86_64__)
  if (kAvx2 && channels >= 3) return horizontal_avx2(rows, channels, axis, out);
#endif
  switch (channels) {
    case 1:
      return horizontal_rows<1>(rows, axis, out);
    case 3:
      return horizontal_rows<3>(rows, axis, out);
    default:
      return horizontal_rows<4>(rows, axis, out);
  }
}

void vertical(const Rows& rows, int64_t offset, int64_t row_bytes, const Axis& axis, uint8_t* out) {
#if defined(__x86_64__)
  if (kAvx2) return vertical_avx2(rows, offset, row_bytes, axis, out);
#endif
  std::vector<int32_t> sums(row_bytes);
  for (int64_t y = 0; y < axis.size; ++y, out += row_bytes) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int32_t t = 0; t < axis.count[y]; ++t) {
      const int32_t weight = axis.weights[y * axis.taps + t];
      const uint8_t* in = rows.data + (axis.first[y] + t - offset) * rows.stride;
      for (int64_t x = 0; x < row_bytes; ++x) sums[x] += weight * in[x];
    }
    for (int64_t x = 0; x < row_bytes; ++x) out[x] = to_byte(sums[x]);
  }
}

}  // namespace cambium::io::kernels
