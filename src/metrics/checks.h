#pragma once
// Checks of arguments that the metrics share. Internal to metrics/.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::metrics {

// `name` has `dimensions` dimensions and at least one row; Error otherwise.
void check_shape(const at::Tensor& tensor, const char* name, int64_t dimensions);
// Every entry is a finite number.
void check_finite(const at::Tensor& tensor, const char* name);
// int64 [rows] with entries in [0, classes).
void check_labels(const at::Tensor& labels, const char* name, int64_t rows, int64_t classes);
// On the CPU, contiguous, f64.
at::Tensor as_double(const at::Tensor& tensor);

}  // namespace cambium::metrics
