#pragma once
// Classification metrics. Scores are [N, C] (higher is better), labels and predictions int64 [N] in [0, C).
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::metrics {

// Whether each row's label is among its k best scores: bool [N]. Of equal scores the lower class comes first, as in a
// stable sort. Error if a label is out of range or a score is not a number.
at::Tensor in_top_k(const at::Tensor& scores, const at::Tensor& labels, int64_t k);

// Share of rows whose label is among the k best scores.
double top_k_accuracy(const at::Tensor& scores, const at::Tensor& labels, int64_t k = 1);

// [C, C] int64: rows are labels, columns predictions.
at::Tensor confusion_matrix(const at::Tensor& predictions, const at::Tensor& labels, int64_t classes);

// [C] f64 from a confusion matrix: the share of each class's rows that were predicted as it; NaN for a class with no
// label.
at::Tensor per_class_recall(const at::Tensor& confusion);

// Mean per-class recall, as torchmetrics' MulticlassAccuracy(average="macro"): a class with no label and no prediction
// is left out of the mean; a class with predictions but no label counts as 0. (MERU's metric for all zero-shot sets.)
double macro_accuracy(const at::Tensor& confusion);
double macro_accuracy(const at::Tensor& predictions, const at::Tensor& labels, int64_t classes);

}  // namespace cambium::metrics
