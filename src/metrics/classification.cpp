#include "metrics/classification.h"

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {

at::Tensor in_top_k(const at::Tensor& scores, const at::Tensor& labels, int64_t k) {
  check_shape(scores, "scores", 2);
  check_labels(labels, "labels", scores.size(0), scores.size(1));
  if (k < 1) throw Error({.what = "k is " + std::to_string(k), .field = "k", .mend = "give at least 1"});
  if (scores.is_floating_point() && scores.isnan().any().item<bool>()) {
    throw Error(
        {.what = "holds values that are not numbers", .field = "scores", .mend = "check the model's outputs for NaN"});
  }
  const at::Tensor index = labels.to(scores.device()).unsqueeze(1);                            // [N, 1]
  const at::Tensor right = scores.gather(1, index);                                            // [N, 1]
  const at::Tensor before = at::arange(scores.size(1), index.options()).unsqueeze(0) < index;  // [N, C]
  const at::Tensor rank = ((scores > right) | ((scores == right) & before)).sum(1);            // [N]
  return rank < k;
}

double top_k_accuracy(const at::Tensor& scores, const at::Tensor& labels, int64_t k) {
  return in_top_k(scores, labels, k).to(at::kDouble).mean().item<double>();
}

at::Tensor confusion_matrix(const at::Tensor& predictions, const at::Tensor& labels, int64_t classes) {
  check_shape(predictions, "predictions", 1);
  check_labels(predictions, "predictions", predictions.size(0), classes);
  check_labels(labels, "labels", predictions.size(0), classes);
  return at::bincount(labels.cpu() * classes + predictions.cpu(), {}, classes * classes).view({classes, classes});
}

at::Tensor per_class_recall(const at::Tensor& confusion) {
  check_shape(confusion, "confusion", 2);
  return confusion.diagonal().to(at::kDouble) / confusion.sum(1).to(at::kDouble);
}

double macro_accuracy(const at::Tensor& confusion) {
  const at::Tensor recall = at::nan_to_num(per_class_recall(confusion), 0.0);
  const at::Tensor counted = (confusion.sum(1) + confusion.sum(0)) > 0;
  return recall.masked_select(counted).mean().item<double>();
}

double macro_accuracy(const at::Tensor& predictions, const at::Tensor& labels, int64_t classes) {
  return macro_accuracy(confusion_matrix(predictions, labels, classes));
}

}  // namespace cambium::metrics
