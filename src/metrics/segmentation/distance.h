#pragma once
// The exact Euclidean distance transform, with the nearest foreground pixel, row by row.
#include <cstdint>
#include <vector>

namespace cambium::metrics {

// For a mask of H x W bytes (non-zero: foreground), which must outlive it. Among equally near foreground pixels the one
// in the smallest column counts, and there the one in the smallest row: scipy.ndimage's
// distance_transform_edt(return_indices=True). Meijster, Roerdink and Hesselink 2000; time O(H W), memory 4 bytes a
// pixel.
class DistanceTransform {
 public:
  DistanceTransform(const uint8_t* mask, int64_t height, int64_t width);

  // Whether there is any foreground: without it, there are no distances.
  bool any() const { return any_; }
  struct Row {
    std::vector<int64_t> squared;  // distances in pixels, squared
    std::vector<int64_t> nearest;  // places of the nearest foreground pixels: row * W + column
  };
  // Rows may be asked for in any order.
  void row(int64_t y, Row& out);

 private:
  int64_t height_, width_;
  bool any_ = false;
  std::vector<int32_t> near_;     // [H, W]: in this column, the nearest foreground's row; -1: none
  std::vector<int32_t> columns_;  // that have any foreground
  std::vector<int32_t> stack_;    // of the lower envelope: columns
  std::vector<int64_t> start_;    // and where each begins to be the nearest
};

}  // namespace cambium::metrics
