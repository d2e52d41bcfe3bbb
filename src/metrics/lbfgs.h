#pragma once
// Limited-memory BFGS with a strong-Wolfe line search (Nocedal and Wright, algorithms 7.4, 3.5 and 3.6), in f64.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace cambium::metrics {

struct LbfgsOptions {
  int64_t max_iterations = 1000;
  double gradient_tolerance = 1e-4;                     // stop when no entry of the gradient exceeds it
  double value_tolerance = 64 * 2.220446049250313e-16;  // or when a step gains less than this share of the value
  int64_t memory = 10;
  int64_t max_line_search = 50;
};

struct Minimum {
  at::Tensor position;  // [P] f64
  double value = 0;
  double gradient_max = 0;
  int64_t iterations = 0;
  bool converged = false;
};

// `function` returns the value at a position [P] and writes its gradient.
using Differentiable = std::function<double(const at::Tensor& position, at::Tensor& gradient)>;

Minimum minimise_lbfgs(const Differentiable& function, const at::Tensor& start, const LbfgsOptions& options);

}  // namespace cambium::metrics
