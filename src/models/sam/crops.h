#pragma once
// Where the automatic mask generator looks: grids of points, and overlapping crops in layers.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::sam {

// n x n points in the middle of the cells of the unit square, x fastest. float64 [n * n, 2] as (x, y)
at::Tensor point_grid(int64_t n);
// One grid a layer: int(n / factor^layer) points a side. [layers + 1]
std::vector<at::Tensor> point_grids(int64_t n, int64_t layers, int64_t factor);

struct CropBox {
  int64_t left = 0, top = 0, right = 0, bottom = 0;  // pixels, the last ones outside
  int64_t layer = 0;                                 // 0: the whole picture

  int64_t width() const { return right - left; }
  int64_t height() const { return bottom - top; }
  bool operator==(const CropBox&) const = default;
};

// The picture, then for layer i = 1..layers 2^i x 2^i crops, column by column. In layer 1 they overlap by overlap_ratio
// of the shorter side, in each further layer by half of the one before.
std::vector<CropBox> crop_boxes(int64_t height, int64_t width, int64_t layers, double overlap_ratio);

}  // namespace cambium::sam
