#pragma once
// Private to metrics/segmentation: the E- and F-measures from counts of foreground and background pixels above a
// threshold.
#include <array>
#include <cstdint>

#include "metrics/segmentation/segmentation.h"

namespace cambium::metrics::segmentation {

// By the stretched prediction times 255, truncated.
struct Levels {
  std::array<int64_t, 256> foreground = {}, background = {};
};

// The picture: how many pixels, and how many of them the mask has.
struct Extent {
  int64_t pixels = 0, foreground = 0;
};

// The enhanced-alignment measure (Fan et al. 2018) of a binary prediction that has so many pixels inside the mask and
// outside.
double e_measure(int64_t inside, int64_t outside, const Extent& extent);
// (1 + b) P R / (b P + R), b = beta squared; 0 where nothing is hit.
double f_measure(int64_t inside, int64_t outside, const Extent& extent, double beta2);

ThresholdCurve e_curve(const Levels& levels, const Extent& extent);
ThresholdCurve f_curve(const Levels& levels, const Extent& extent, double beta2);

}  // namespace cambium::metrics::segmentation
