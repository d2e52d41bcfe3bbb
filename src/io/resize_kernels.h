#pragma once
// Private to io/resize*: the two passes of the resampler, plain and for AVX2. All give the same bytes.
#include <cstdint>
#include <vector>

namespace cambium::io::kernels {

constexpr int kPrecisionBits = 32 - 8 - 2;  // Pillow's, for 8-bit pixels

// The weights of one axis. Output i is the sum over t < count[i] of weights[i * taps + t] * source[first[i] + t].
struct Axis {
  int64_t size = 0;  // outputs
  int64_t taps = 0;  // places for weights per output: a multiple of 4, the rest zero
  std::vector<int32_t> first, count;
  std::vector<int32_t> weights;  // [size, taps], fixed point
};

// Rows of bytes that may be read up to `end`.
struct Rows {
  const uint8_t* data;
  int64_t stride;
  int64_t count;
  const uint8_t* end;
};

// out [rows.count, axis.size, channels], contiguous.
void horizontal(const Rows& rows, int64_t channels, const Axis& axis, uint8_t* out);
// out [axis.size, row_bytes], contiguous. `rows.data` is row `offset` of the axis' source.
void vertical(const Rows& rows, int64_t offset, int64_t row_bytes, const Axis& axis, uint8_t* out);

#if defined(__x86_64__)
// channels 3 or 4.
void horizontal_avx2(const Rows& rows, int64_t channels, const Axis& axis, uint8_t* out);
void vertical_avx2(const Rows& rows, int64_t offset, int64_t row_bytes, const Axis& axis, uint8_t* out);
#endif

}  // namespace cambium::io::kernels
