#include "metrics/segmentation/curves.h"

#include <algorithm>

#include "metrics/segmentation/maps.h"

namespace cambium::metrics::segmentation {
namespace {

// (1 + a)^2 / 4 with the alignment a = 2 x y / (x^2 + y^2) of two values less their means.
double alignment(double x, double y) {
  const double a = 2 * (x * y) / (x * x + y * y + kEps);
  return (a + 1) * (a + 1) / 4;
}

// measure(inside, outside) at thresholds 255, 254, ..., 0.
template <class Measure>
ThresholdCurve curve_of(const Levels& levels, const Measure& measure) {
  ThresholdCurve curve{};
  int64_t inside = 0, outside = 0;
  for (size_t t = 0; t < kThresholds; ++t) {
    inside += levels.foreground[255 - t];
    outside += levels.background[255 - t];
    curve[t] = measure(inside, outside);
  }
  return curve;
}

}  // namespace

double e_measure(int64_t inside, int64_t outside, const Extent& extent) {
  const auto number = [](int64_t n) { return static_cast<double>(n); };
  const int64_t chosen = inside + outside, left = extent.pixels - chosen;
  double sum = 0;
  if (extent.foreground == 0) {
    sum = number(left);
  } else if (extent.foreground == extent.pixels) {
    sum = number(chosen);
  } else {
    const double prediction = number(chosen) / number(extent.pixels),
                 mask = number(extent.foreground) / number(extent.pixels);
    const int64_t missed = extent.foreground - inside;
    sum = alignment(1 - prediction, 1 - mask) * number(inside) + alignment(1 - prediction, -mask) * number(outside) +
          alignment(-prediction, 1 - mask) * number(missed) + alignment(-prediction, -mask) * number(left - missed);
  }
  return sum / (number(extent.pixels) - 1 + kEps);
}

double f_measure(int64_t inside, int64_t outside, const Extent& extent, double beta2) {
  if (inside == 0) return 0;
  const double precision = static_cast<double>(inside) / static_cast<double>(inside + outside);
  const double recall = static_cast<double>(inside) / static_cast<double>(std::max<int64_t>(extent.foreground, 1));
  return (1 + beta2) * precision * recall / (beta2 * precision + recall);
}

ThresholdCurve e_curve(const Levels& levels, const Extent& extent) {
  return curve_of(levels, [&](int64_t inside, int64_t outside) { return e_measure(inside, outside, extent); });
}

ThresholdCurve f_curve(const Levels& levels, const Extent& extent, double beta2) {
  return curve_of(levels, [&](int64_t inside, int64_t outside) { return f_measure(inside, outside, extent, beta2); });
}

}  // namespace cambium::metrics::segmentation
