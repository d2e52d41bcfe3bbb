#pragma once
// Private to metrics/segmentation: the two kinds of prediction behind one face, and the mask.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace cambium::metrics::segmentation {

// numpy's spacing(1), which PySODMetrics and the original add to denominators.
constexpr double kEps = 2.220446049250313e-16;

struct Mask {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> foreground = {};  // [H, W], 0 or 1
  int64_t count = 0;                     // of foreground pixels
  // Where the S-measure divides the picture: one past the foreground's mean row and column, rounded half to even.
  int64_t split_row = 0, split_column = 0;

  int64_t pixels() const { return height * width; }
};
// From [H, W] of bool or u8; Error otherwise.
Mask read_mask(const at::Tensor& mask);

// 8-bit levels; value[level] is the stretched prediction.
struct LevelMap {
  at::Tensor storage;  // u8 [H, W], contiguous
  const uint8_t* levels = nullptr;
  std::array<double, 256> value = {};

  double operator[](int64_t i) const { return value[levels[i]]; }
};
// f32: stretched, and as given.
struct FloatMap {
  at::Tensor storage;  // f32 [H, W], contiguous
  const float* raw = nullptr;
  std::vector<float> value = {};

  double operator[](int64_t i) const { return value[static_cast<size_t>(i)]; }
};
// Error for values that are not finite.
LevelMap read_levels(const at::Tensor& prediction);
FloatMap read_floats(const at::Tensor& prediction);

}  // namespace cambium::metrics::segmentation
