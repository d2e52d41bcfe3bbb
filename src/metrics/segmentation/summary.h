#pragma once
// Scores of a whole set from scores of its pictures.
#include <cstdint>
#include <utility>
#include <vector>

#include "metrics/segmentation/segmentation.h"

namespace cambium::metrics {

// Means over pictures, but for e_max and f_max (the maxima of the mean curves, as the papers report them) and `pooled`.
struct SegmentationSummary {
  int64_t images = 0;
  double s = 0;
  double e_mean = 0, e_max = 0, e_adaptive = 0;
  double f_mean = 0, f_max = 0, f_adaptive = 0;
  double weighted_f = 0;
  double mae = 0, plain_mae = 0;
  double dice = 0, iou = 0, soft_iou = 0;
  double positive_error = 0, negative_error = 0, ber = 0;
  Confusion pooled = {};  // of the whole set: pooled.balanced_error() is the rate that most shadow papers report
  // Pictures left out of `s` and of the errors, since they are undefined there (see SegmentationScores).
  int64_t without_s = 0, without_ber = 0;
  ThresholdCurve e_curve = {}, f_curve = {};
};

// `skip_undefined`: leave NaN out of the means. The original lets one NaN spoil the mean (false). Error for no
// pictures.
SegmentationSummary summarise(const std::vector<SegmentationScores>& scores, bool skip_undefined = true);

// What the original's training prints as validation. Its gathered predictions are concatenated along the wrong
// dimension, so that S, E, weighted F and MAE come from the first batch alone, and the errors are pooled per place in
// the batch, then averaged over places (an incomplete last batch, on which it crashes, is left out).
struct OfficialValidation {
  double s = 0, e_mean = 0, weighted_f = 0, mae = 0;
  double positive_error = 0, negative_error = 0, ber = 0;
};
// Of scores with SegmentationOptions::official(), in the set's order. Error for fewer pictures than one batch.
OfficialValidation official_validation(const std::vector<SegmentationScores>& scores, int64_t batch);

// The original's `fmeasure`: predictions and masks (both [H, W], f32 in [0, 1]) as 8 bits, truncated, each above 1.5
// times its own mean, counted over all pictures; F with beta squared 0.3, and the mean absolute error beside it.
struct OfficialF {
  double f = 0, mae = 0;
};
OfficialF official_f(const std::vector<std::pair<at::Tensor, at::Tensor>>& predictions_and_masks);

}  // namespace cambium::metrics
