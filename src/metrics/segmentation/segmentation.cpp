#include "metrics/segmentation/segmentation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "metrics/segmentation/curves.h"
#include "metrics/segmentation/moments.h"
#include "metrics/segmentation/weighted_f.h"

namespace cambium::metrics {
namespace {

using namespace segmentation;

// What is counted pixel by pixel, whichever map it comes from.
struct Tally {
  Cells cells = {};
  Levels levels = {};                      // stretched
  int64_t inside = 0, outside = 0;         // above the adaptive threshold
  Confusion binary = {}, errors = {};      // at `threshold`, `ber_threshold`
  double raw_inside = 0, raw_outside = 0;  // sums of the prediction as given
};

double mean_of(const Cells& cells) {
  Moments all;
  for (const auto& cell : cells) all = all + cell[0] + cell[1];
  return all.mean;
}

// Adds `count` pixels of one value to a confusion.
void add(Confusion& confusion, bool foreground, bool predicted, int64_t count) {
  (foreground ? (predicted ? confusion.true_positive : confusion.false_negative)
              : (predicted ? confusion.false_positive : confusion.true_negative)) += count;
}

// Above a threshold, compared as the original compares: prediction * 255 with a level, in single precision.
bool above(float prediction, double threshold) { return prediction * 255.0f > static_cast<float>(threshold * 255); }

Tally tally(const LevelMap& map, const Mask& mask, const SegmentationOptions& options) {
  const LevelCounts counts = count_levels(map, mask);
  Tally out{.cells = cells_of(map, counts)};
  const double adaptive = std::min(2 * mean_of(out.cells), 1.0);
  for (size_t level = 0; level < 256; ++level) {
    const double raw = static_cast<double>(level) / 255;
    for (const bool foreground : {false, true}) {
      int64_t count = 0;
      for (const auto& part : counts) count += part[foreground][level];
      if (count == 0) continue;
      const double stretched = map.value[level];
      auto& levels = foreground ? out.levels.foreground : out.levels.background;
      levels[static_cast<size_t>(stretched * 255)] += count;
      if (stretched >= adaptive) (foreground ? out.inside : out.outside) += count;
      add(out.binary, foreground, raw > options.threshold, count);
      add(out.errors, foreground, raw > options.ber_threshold, count);
      (foreground ? out.raw_inside : out.raw_outside) += raw * static_cast<double>(count);
    }
  }
  return out;
}

Tally tally(const FloatMap& map, const Mask& mask, const SegmentationOptions& options) {
  Tally out{.cells = cells_of(map, mask)};
  const float adaptive = std::min(2 * static_cast<float>(mean_of(out.cells)), 1.0f);
  for (int64_t i = 0; i < mask.pixels(); ++i) {
    const auto place = static_cast<size_t>(i);
    const bool foreground = mask.foreground[place];
    const float stretched = map.value[place], raw = map.raw[i];
    ++(foreground ? out.levels.foreground : out.levels.background)[static_cast<size_t>(stretched * 255.0f)];
    if (stretched >= adaptive) ++(foreground ? out.inside : out.outside);
    add(out.binary, foreground, above(raw, options.threshold), 1);
    add(out.errors, foreground, above(raw, options.ber_threshold), 1);
    (foreground ? out.raw_inside : out.raw_outside) += raw;
  }
  return out;
}

template <class Map>
SegmentationScores score(const Map& map, const Mask& mask, const SegmentationOptions& options) {
  const bool official = options.variant == SegmentationVariant::official;
  const Tally t = tally(map, mask, options);
  const Extent extent{.pixels = mask.pixels(), .foreground = mask.count};
  const auto pixels = static_cast<double>(extent.pixels), foreground = static_cast<double>(extent.foreground);

  SegmentationScores out;
  out.s = s_measure(t.cells, mask, official);
  out.e_curve = e_curve(t.levels, extent);
  out.f_curve = f_curve(t.levels, extent, options.f_beta2);
  const auto summarise = [](const ThresholdCurve& curve, double& mean, double& max) {
    mean = std::accumulate(curve.begin(), curve.end(), 0.0) / static_cast<double>(curve.size());
    max = *std::max_element(curve.begin(), curve.end());
  };
  summarise(out.e_curve, out.e_mean, out.e_max);
  summarise(out.f_curve, out.f_mean, out.f_max);
  out.e_adaptive = e_measure(t.inside, t.outside, extent);
  out.f_adaptive = f_measure(t.inside, t.outside, extent, options.f_beta2);
  out.weighted_f = weighted_f(map, mask, options.weighted_beta2);

  double error = 0;
  for (const auto& cell : t.cells) error += cell[0].count * cell[0].mean + cell[1].count * (1 - cell[1].mean);
  out.mae = error / pixels;
  out.plain_mae = (t.raw_outside + foreground - t.raw_inside) / pixels;
  out.dice = t.binary.dice();
  out.iou = t.binary.iou();
  out.soft_iou = t.raw_inside / (t.raw_outside + foreground + 1e-6);
  out.errors = t.errors;
  out.positive_error = t.errors.positive_error();
  out.negative_error = t.errors.negative_error();
  out.ber = t.errors.balanced_error();
  return out;
}

}  // namespace

SegmentationOptions SegmentationOptions::official() {
  return {
      .variant = SegmentationVariant::official, .f_beta2 = 1.0, .weighted_beta2 = 0.3, .ber_threshold = 125.0 / 255};
}

void SegmentationOptions::validate() const {
  if (!(f_beta2 > 0) || !(weighted_beta2 > 0) || !std::isfinite(f_beta2 + weighted_beta2)) {
    throw UsageError({.what = "must be positive",
                      .field = f_beta2 > 0 ? "weighted_beta2" : "f_beta2",
                      .mend = "the papers take 0.3 for F and 1 for weighted F"});
  }
  for (const double at : {threshold, ber_threshold}) {
    if (!(at >= 0 && at <= 1))
      throw UsageError({.what = "must be 0 to 1", .field = "threshold", .mend = "0.5 is usual"});
  }
}

SegmentationScores score_segmentation(const at::Tensor& prediction, const at::Tensor& mask,
                                      const SegmentationOptions& options) {
  options.validate();
  if (prediction.sizes() != mask.sizes() && prediction.dim() == 2 && mask.dim() == 2) {
    const auto text = [](const at::Tensor& t) { return std::to_string(t.size(1)) + " x " + std::to_string(t.size(0)); };
    throw Error({.what = "the prediction is " + text(prediction) + " and the mask " + text(mask),
                 .field = "prediction",
                 .mend = "bring the prediction to the mask's size"});
  }
  const Mask truth = read_mask(mask);
  if (options.variant == SegmentationVariant::official) return score(read_floats(prediction), truth, options);
  return score(read_levels(prediction), truth, options);
}

}  // namespace cambium::metrics
