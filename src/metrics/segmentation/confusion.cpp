#include "metrics/segmentation/confusion.h"

#include <limits>

namespace cambium::metrics {
namespace {

double ratio(int64_t part, int64_t whole, double otherwise) {
  return whole == 0 ? otherwise : static_cast<double>(part) / static_cast<double>(whole);
}

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Confusion& Confusion::operator+=(const Confusion& other) {
  true_positive += other.true_positive;
  false_positive += other.false_positive;
  true_negative += other.true_negative;
  false_negative += other.false_negative;
  return *this;
}

double Confusion::dice() const {
  return ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative, 1);
}
double Confusion::iou() const { return ratio(true_positive, true_positive + false_positive + false_negative, 1); }
double Confusion::positive_error() const {
  return 100 * (1 - ratio(true_positive, true_positive + false_negative, kNone));
}
double Confusion::negative_error() const {
  return 100 * (1 - ratio(true_negative, true_negative + false_positive, kNone));
}
double Confusion::balanced_error() const { return (positive_error() + negative_error()) / 2; }

}  // namespace cambium::metrics
