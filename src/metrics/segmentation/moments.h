#pragma once
// Private to metrics/segmentation: moments of the stretched prediction over parts of the picture, and the S-measure,
// which needs nothing else.
#include <array>

#include "metrics/segmentation/maps.h"

namespace cambium::metrics::segmentation {

struct Moments {
  double count = 0, mean = 0, spread = 0;  // spread: sum of squared deviations

  // Of both parts together (Chan, Golub and LeVeque).
  Moments operator+(const Moments& other) const;
};

// By quadrant (left top, right top, left bottom, right bottom) and mask (background, foreground).
using Cells = std::array<std::array<Moments, 2>, 4>;

// Level counts by the same parts.
using LevelCounts = std::array<std::array<std::array<int64_t, 256>, 2>, 4>;
LevelCounts count_levels(const LevelMap& map, const Mask& mask);

Cells cells_of(const LevelMap& map, const LevelCounts& counts);
Cells cells_of(const FloatMap& map, const Mask& mask);

// The structure measure (Fan, Cheng, Liu, Li, Borji 2017, equation 1) at alpha 0.5. `official`: denominators without
// the guards that PySODMetrics has, sums as single precision gives them where that decides, and 0 instead of NaN.
double s_measure(const Cells& cells, const Mask& mask, bool official);

}  // namespace cambium::metrics::segmentation
