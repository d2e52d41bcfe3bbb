#pragma once
// Pixels counted by what they are and what they were taken for, and the measures that need no more than that.
#include <cstdint>

namespace cambium::metrics {

struct Confusion {
  int64_t true_positive = 0, false_positive = 0, true_negative = 0, false_negative = 0;

  Confusion& operator+=(const Confusion& other);

  // 2 TP / (2 TP + FP + FN) and TP / (TP + FP + FN); 1 where neither mask nor prediction has a pixel.
  double dice() const;
  double iou() const;
  // Errors in percent: FN / (TP + FN), FP / (TN + FP), and their mean, the balanced error rate. NaN where a class is
  // absent.
  double positive_error() const;
  double negative_error() const;
  double balanced_error() const;
};

}  // namespace cambium::metrics
