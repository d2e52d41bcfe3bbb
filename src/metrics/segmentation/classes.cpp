#include "metrics/segmentation/classes.h"

#include <ATen/ops/bincount.h>
#include <ATen/ops/from_blob.h>

#include <limits>

#include "core/error.h"

namespace cambium::metrics {
namespace {

constexpr int64_t kMostClasses = 255;

void check_labels(const at::Tensor& labels, int64_t classes, const char* what) {
  if (labels.numel() == 0) return;
  const int64_t low = labels.min().item<int64_t>(), high = labels.max().item<int64_t>();
  if (low < 0 || high >= classes) {
    throw Error({.what = std::string("the ") + what + " holds the label " + std::to_string(low < 0 ? low : high) +
                         ", but there are " + std::to_string(classes) + " classes, numbered from 0",
                 .field = what,
                 .mend = "give the number of classes, background included"});
  }
}

}  // namespace

ClassConfusion::ClassConfusion(int64_t classes) : classes_(classes) {
  if (classes < 2 || classes > kMostClasses) {
    throw UsageError({.what = "must be 2 to 255, background included",
                      .field = "classes",
                      .mend = "a single class is scored as a binary mask"});
  }
  counts_.resize(static_cast<size_t>(classes * classes));
}

void ClassConfusion::add(const at::Tensor& prediction, const at::Tensor& mask, int64_t ignored) {
  if (prediction.sizes() != mask.sizes()) {
    throw Error({.what = "prediction and mask are of different sizes",
                 .field = "prediction",
                 .mend = "bring the prediction to the mask's size"});
  }
  const at::Tensor truth = mask.to(at::kCPU).to(at::kLong).flatten(), judged = truth != ignored;
  const at::Tensor is = truth.masked_select(judged),
                   was = prediction.to(at::kCPU).to(at::kLong).flatten().masked_select(judged);
  check_labels(is, classes_, "mask");
  check_labels(was, classes_, "prediction");
  const at::Tensor counts = at::bincount(is * classes_ + was, {}, classes_ * classes_);
  const auto* values = counts.const_data_ptr<int64_t>();
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += values[i];
}

ClassConfusion& ClassConfusion::operator+=(const ClassConfusion& other) {
  if (other.classes_ != classes_)
    throw Error({.what = "confusions of different numbers of classes cannot be added",
                 .field = "classes",
                 .mend = "count with the same classes"});
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  return *this;
}

at::Tensor ClassConfusion::counts() { return at::from_blob(counts_.data(), {classes_, classes_}, at::kLong); }

ClassScores ClassConfusion::scores() const {
  ClassScores out;
  int64_t right = 0, occurring = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    int64_t is = 0, was = 0;
    for (int64_t other = 0; other < classes_; ++other) {
      is += counts_[static_cast<size_t>(c * classes_ + other)];
      was += counts_[static_cast<size_t>(other * classes_ + c)];
    }
    const int64_t hits = counts_[static_cast<size_t>(c * classes_ + c)], either = is + was - hits;
    right += hits;
    out.pixels += is;
    const double none = std::numeric_limits<double>::quiet_NaN();
    out.iou.push_back(either == 0 ? none : static_cast<double>(hits) / static_cast<double>(either));
    out.dice.push_back(either == 0 ? none : 2 * static_cast<double>(hits) / static_cast<double>(is + was));
    if (either == 0) continue;
    ++occurring;
    out.mean_iou += out.iou.back();
    out.mean_dice += out.dice.back();
  }
  if (out.pixels == 0)
    throw Error({.what = "no pixel was judged", .field = "mask", .mend = "give masks that are not all ignored"});
  out.mean_iou /= static_cast<double>(occurring);
  out.mean_dice /= static_cast<double>(occurring);
  out.pixel_accuracy = static_cast<double>(right) / static_cast<double>(out.pixels);
  return out;
}

}  // namespace cambium::metrics
