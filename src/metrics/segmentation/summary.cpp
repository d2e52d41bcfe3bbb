#include "metrics/segmentation/summary.h"

#include <ATen/ops/abs.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace cambium::metrics {
namespace {

// The mean of one field; with `skip`, of its numbers alone, counting the others.
double mean(const std::vector<SegmentationScores>& scores, double SegmentationScores::* field, bool skip,
            int64_t* left_out = nullptr) {
  double sum = 0;
  int64_t count = 0;
  for (const SegmentationScores& one : scores) {
    const double value = one.*field;
    if (std::isnan(value)) {
      if (left_out) ++*left_out;
      if (skip) continue;
    }
    sum += value;
    ++count;
  }
  return sum / static_cast<double>(count);  // NaN where there is none
}

ThresholdCurve mean_curve(const std::vector<SegmentationScores>& scores, ThresholdCurve SegmentationScores::* field) {
  ThresholdCurve out{};
  for (const SegmentationScores& one : scores) {
    for (size_t t = 0; t < out.size(); ++t) out[t] += (one.*field)[t];
  }
  for (double& value : out) value /= static_cast<double>(scores.size());
  return out;
}

at::Tensor above_its_mean(const at::Tensor& plane) {
  const at::Tensor bytes = plane.to(at::kFloat).mul(255).to(at::kByte);  // truncated
  const double threshold = std::min(1.5 * bytes.to(at::kDouble).mean().item<double>(), 255.0);
  return bytes.to(at::kDouble).gt(threshold);
}

}  // namespace

SegmentationSummary summarise(const std::vector<SegmentationScores>& scores, bool skip_undefined) {
  if (scores.empty())
    throw Error({.what = "there are no scored pictures to take means of", .mend = "give at least one"});
  using S = SegmentationScores;
  SegmentationSummary out{.images = static_cast<int64_t>(scores.size())};
  const auto mean_of = [&](double S::* field, int64_t* left_out = nullptr) {
    return mean(scores, field, skip_undefined, left_out);
  };
  out.s = mean_of(&S::s, &out.without_s);
  out.e_mean = mean_of(&S::e_mean);
  out.e_adaptive = mean_of(&S::e_adaptive);
  out.f_mean = mean_of(&S::f_mean);
  out.f_adaptive = mean_of(&S::f_adaptive);
  out.weighted_f = mean_of(&S::weighted_f);
  out.mae = mean_of(&S::mae);
  out.plain_mae = mean_of(&S::plain_mae);
  out.dice = mean_of(&S::dice);
  out.iou = mean_of(&S::iou);
  out.soft_iou = mean_of(&S::soft_iou);
  out.positive_error = mean_of(&S::positive_error);
  out.negative_error = mean_of(&S::negative_error);
  out.ber = mean_of(&S::ber, &out.without_ber);
  for (const S& one : scores) out.pooled += one.errors;
  out.e_curve = mean_curve(scores, &S::e_curve);
  out.f_curve = mean_curve(scores, &S::f_curve);
  out.e_max = *std::max_element(out.e_curve.begin(), out.e_curve.end());
  out.f_max = *std::max_element(out.f_curve.begin(), out.f_curve.end());
  return out;
}

OfficialValidation official_validation(const std::vector<SegmentationScores>& scores, int64_t batch) {
  const auto count = static_cast<int64_t>(scores.size());
  if (batch < 1 || count < batch) {
    throw Error({.what = std::to_string(count) + " pictures do not fill a batch of " + std::to_string(batch),
                 .field = "batch",
                 .mend = "validate on at least one batch"});
  }
  OfficialValidation out;
  const auto share = 1.0 / static_cast<double>(batch);
  for (int64_t place = 0; place < batch; ++place) {
    const SegmentationScores& first = scores[static_cast<size_t>(place)];
    out.s += share * first.s;
    out.e_mean += share * first.e_mean;
    out.weighted_f += share * first.weighted_f;
    out.mae += share * first.mae;
    Confusion errors;
    for (int64_t i = place; i < count / batch * batch; i += batch) errors += scores[static_cast<size_t>(i)].errors;
    out.positive_error += share * errors.positive_error();
    out.negative_error += share * errors.negative_error();
    out.ber += share * errors.balanced_error();
  }
  return out;
}

OfficialF official_f(const std::vector<std::pair<at::Tensor, at::Tensor>>& predictions_and_masks) {
  if (predictions_and_masks.empty())
    throw Error({.what = "there are no pictures to take F of", .mend = "give at least one"});
  double hits = 0, predicted = 0, actual = 0, error = 0;
  for (const auto& [prediction, mask] : predictions_and_masks) {
    const at::Tensor p = above_its_mean(prediction), g = above_its_mean(mask);
    hits += (p & g).sum().item<double>();
    predicted += p.sum().item<double>();
    actual += g.sum().item<double>();
    error += (prediction.to(at::kDouble) - mask.to(at::kDouble)).abs().mean().item<double>();
  }
  const double precision = predicted > 0 ? hits / predicted : 0, recall = actual > 0 ? hits / actual : 0;
  return {.f = hits > 0 ? 1.3 * precision * recall / (0.3 * precision + recall) : 0,
          .mae = error / static_cast<double>(predictions_and_masks.size())};
}

}  // namespace cambium::metrics
