#pragma once
// Measures of a predicted mask against the true one, per picture: S-measure (Fan et al. 2017), E-measure (Fan et al.
// 2018), weighted F (Margolin et al. 2014), F (Achanta et al. 2009), mean absolute error, balanced error rate, Dice,
// IoU.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "metrics/segmentation/confusion.h"

namespace cambium::metrics {

enum class SegmentationVariant {
  standard,  // S, E, F, weighted F and MAE as PySODMetrics 1.6.2 has them: 8-bit predictions, double precision
  official,  // as SAM-Adapter's released code: predictions in single precision, NaN of the S-measure taken for 0
};

struct SegmentationOptions {
  SegmentationVariant variant = SegmentationVariant::standard;
  double f_beta2 = 0.3;         // beta squared of F
  double weighted_beta2 = 1.0;  // and of weighted F
  double threshold = 0.5;       // Dice, IoU: foreground is what is greater
  double ber_threshold = 0.5;   // balanced error rate

  // SAM-Adapter's released code: F with 1, weighted F with 0.3 (swapped against the papers'), errors counted above
  // 125/255.
  static SegmentationOptions official();
  // UsageError unless the betas are positive and the thresholds within [0, 1].
  void validate() const;
};

constexpr size_t kThresholds = 256;
using ThresholdCurve = std::array<double, kThresholds>;  // element t: prediction >= (255 - t) / 255

struct SegmentationScores {
  double s = 0;                                  // NaN where undefined: foreground in the last row or column alone
  double e_mean = 0, e_max = 0, e_adaptive = 0;  // over thresholds; adaptive: twice the prediction's mean
  double f_mean = 0, f_max = 0, f_adaptive = 0;
  double weighted_f = 0;
  double mae = 0;        // after the prediction is stretched to [0, 1], as S, E and F are: all implementations do it
  double plain_mae = 0;  // without
  double dice = 0, iou = 0;                                // at `threshold`, without stretching
  double soft_iou = 0;                                     // sum(p g) / (sum(p + g - p g) + 1e-6), without stretching
  double positive_error = 0, negative_error = 0, ber = 0;  // percent, of `errors`; NaN where a class is absent
  Confusion errors = {};  // at `ber_threshold`, without stretching: add them up for the pooled rate
  ThresholdCurve e_curve = {}, f_curve = {};
};

// prediction: [H, W], u8 or f32 in [0, 1]; mask: [H, W], bool or u8 (foreground > 128; bool and 0/1 tensors: see
// below). A u8 mask without a value above 1 counts as 0/1. The standard variant rounds f32 predictions to 8 bits, as a
// PNG does; the official one divides u8 predictions by 255. Error for other shapes, dtypes, or values that are not
// finite.
SegmentationScores score_segmentation(const at::Tensor& prediction, const at::Tensor& mask,
                                      const SegmentationOptions& options = {});

}  // namespace cambium::metrics
