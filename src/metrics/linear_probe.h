#pragma once
// Linear probe: multinomial logistic regression with an L2 penalty, fitted by L-BFGS, as scikit-learn's
// LogisticRegression(solver="lbfgs", max_iter=1000) minimises it; and the search for its C (MERU, section 4.2, after
// Kornblith et al.).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace cambium::metrics {

struct LogisticRegressionOptions {
  double c = 1.0;  // inverse strength of the penalty: 1/2 |W|^2 + C sum_i log-loss_i; the intercept is free
  int64_t max_iterations = 1000;
  double tolerance = 1e-4;  // stop when no entry of the mean objective's gradient exceeds it
  int64_t memory = 10;      // pairs kept by L-BFGS

  void validate() const;
};

struct LogisticRegression {
  at::Tensor weight = {};     // [C, D] f64
  at::Tensor intercept = {};  // [C] f64
  int64_t iterations = 0;
  double objective = 0;  // mean log-loss + |W|^2 / (2 C N)
  double gradient_max = 0;
  bool converged = false;  // false: stopped at max_iterations, or no lower point could be found

  at::Tensor scores(const at::Tensor& features) const;   // [N, C] f64
  at::Tensor predict(const at::Tensor& features) const;  // [N] int64
};

// features [N, D] of any float dtype (computed in f64), labels int64 [N] in [0, classes). Classes without an example
// are never predicted. Two classes are fitted as one row against zero, as scikit-learn does: the first's row stays
// zero.
LogisticRegression fit_logistic_regression(const at::Tensor& features, const at::Tensor& labels, int64_t classes,
                                           const LogisticRegressionOptions& options = {});

struct ProbeOptions {
  double lowest = 1e-6, highest = 1e6, factor = 100;  // the first sweep: 1e-6, 1e-4, ..., 1e6
  int64_t halvings = 4;                       // then on both sides of the best: factors 10, 10^1/2, 10^1/4, 10^1/8
  LogisticRegressionOptions regression = {};  // its c is set by the search

  void validate() const;
};

struct ProbeResult {
  double c = 0;                                       // the one chosen
  double validation_accuracy = 0;                     // macro, of the fit on train alone
  std::vector<std::pair<double, double>> tried = {};  // (C, validation macro accuracy), in order
  LogisticRegression model = {};                      // refitted on train + validation
};

// Chooses C by macro accuracy on the validation set (a later C must be strictly better) and refits on both.
ProbeResult linear_probe(const at::Tensor& train_features, const at::Tensor& train_labels,
                         const at::Tensor& validation_features, const at::Tensor& validation_labels, int64_t classes,
                         const ProbeOptions& options = {});

}  // namespace cambium::metrics
