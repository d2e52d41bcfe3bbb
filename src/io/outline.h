#pragma once
// Masks as polygons along the borders of their pixels.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::io {

struct Vertex {
  int64_t x = 0, y = 0;  // corners of pixels: pixel (i, j) spans [i, i + 1] x [j, j + 1]
  bool operator==(const Vertex&) const = default;
};

struct OutlineOptions {
  // Vertices are dropped while the outline stays within this many pixels of where it was (Douglas and Peucker 1973). 0:
  // every corner of every pixel stays, and the polygons fill to exactly the mask.
  double tolerance = 0;
  // Areas of fewer pixels are left out (specks).
  int64_t min_area = 0;
};

// One polygon per 8-connected area of `mask` [H, W] (set where not zero), each clockwise as one sees it, not closed by
// a repeated vertex. Holes are cut in: a polygon runs to its hole and back along the same line, so that any rule of
// filling leaves the hole out, and formats that know no holes (COCO's) lose nothing.
std::vector<std::vector<Vertex>> outline(const at::Tensor& mask, const OutlineOptions& options = {});

// Shoelace formula, positive clockwise (y points down).
double polygon_area(const std::vector<Vertex>& polygon);

}  // namespace cambium::io
