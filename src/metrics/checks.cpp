#include "metrics/checks.h"

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"

namespace cambium::metrics {

void check_shape(const at::Tensor& tensor, const char* name, int64_t dimensions) {
  if (!tensor.defined() || tensor.dim() != dimensions || tensor.size(0) == 0) {
    const std::string found = tensor.defined() ? std::to_string(tensor.dim()) + " of which the first is " +
                                                     std::to_string(tensor.dim() > 0 ? tensor.size(0) : 0)
                                               : "none";
    throw Error({.what = "expected " + std::to_string(dimensions) +
                         " dimensions and at least one row, found dimensions: " + found,
                 .field = name,
                 .mend = "give a tensor that is not empty"});
  }
}

void check_finite(const at::Tensor& tensor, const char* name) {
  if (!tensor.is_floating_point() || tensor.isfinite().all().item<bool>()) return;
  throw Error({.what = "holds values that are not finite",
               .field = name,
               .mend = "check the model's outputs for NaN and infinity"});
}

void check_labels(const at::Tensor& labels, const char* name, int64_t rows, int64_t classes) {
  check_shape(labels, name, 1);
  if (labels.scalar_type() != at::kLong || labels.size(0) != rows) {
    throw Error({.what = "expected " + std::to_string(rows) + " int64 labels, found " + std::to_string(labels.size(0)),
                 .field = name,
                 .mend = "give one int64 label per row"});
  }
  const auto low = labels.min().item<int64_t>(), high = labels.max().item<int64_t>();
  if (low < 0 || high >= classes) {
    throw Error(
        {.what = "label " + std::to_string(low < 0 ? low : high) + " is outside 0 to " + std::to_string(classes - 1),
         .field = name,
         .mend = "check the list of classes"});
  }
}

at::Tensor as_double(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble).contiguous(); }

}  // namespace cambium::metrics
