#include "models/sam/crops.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

namespace cambium::sam {

at::Tensor point_grid(int64_t n) {
  at::Tensor points = at::empty({n * n, 2}, at::kDouble);
  auto* out = points.mutable_data_ptr<double>();
  const double offset = 1 / (2 * static_cast<double>(n));
  // numpy's linspace: start + i * step, the last point being the end itself.
  const double step = n > 1 ? ((1 - offset) - offset) / static_cast<double>(n - 1) : 0;
  const auto at = [&](int64_t i) { return n > 1 && i == n - 1 ? 1 - offset : offset + static_cast<double>(i) * step; };
  for (int64_t y = 0; y < n; ++y) {
    for (int64_t x = 0; x < n; ++x) {
      *out++ = at(x);
      *out++ = at(y);
    }
  }
  return points;
}

std::vector<at::Tensor> point_grids(int64_t n, int64_t layers, int64_t factor) {
  std::vector<at::Tensor> grids;
  int64_t divisor = 1;
  for (int64_t layer = 0; layer <= layers; ++layer) {
    grids.push_back(point_grid(n / divisor));
    divisor = std::min(divisor * factor, n + 1);  // beyond n nothing is left to divide
  }
  return grids;
}

std::vector<CropBox> crop_boxes(int64_t height, int64_t width, int64_t layers, double overlap_ratio) {
  std::vector<CropBox> boxes = {{0, 0, width, height, 0}};
  const auto shorter = static_cast<double>(std::min(height, width));
  for (int64_t layer = 1; layer <= layers; ++layer) {
    const int64_t n = int64_t{1} << layer;
    const auto overlap = static_cast<int64_t>(overlap_ratio * shorter * (2 / static_cast<double>(n)));
    const auto length = [&](int64_t side) {
      return static_cast<int64_t>(std::ceil(static_cast<double>(overlap * (n - 1) + side) / static_cast<double>(n)));
    };
    const int64_t crop_width = length(width), crop_height = length(height);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const int64_t left = (crop_width - overlap) * i, top = (crop_height - overlap) * j;
        const CropBox box{left, top, std::min(left + crop_width, width), std::min(top + crop_height, height), layer};
        if (box.width() > 0 && box.height() > 0) boxes.push_back(box);  // none are left of a picture of a few pixels
      }
    }
  }
  return boxes;
}

}  // namespace cambium::sam
