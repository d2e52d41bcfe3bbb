#include "metrics/linear_probe.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"
#include "metrics/checks.h"
#include "metrics/classification.h"
#include "metrics/lbfgs.h"

namespace cambium::metrics {
namespace {

// Labels renumbered over the classes that occur, as scikit-learn does.
struct SeenClasses {
  at::Tensor classes;  // [K] int64, ascending
  at::Tensor labels;   // [N] int64 in [0, K)
};

SeenClasses seen_classes(const at::Tensor& labels, int64_t classes) {
  const at::Tensor counts = at::bincount(labels, {}, classes);
  SeenClasses seen{.classes = counts.nonzero().view(-1), .labels = {}};
  at::Tensor position = at::zeros({classes}, at::kLong);
  position.index_copy_(0, seen.classes, at::arange(seen.classes.size(0), at::kLong));
  seen.labels = position.index_select(0, labels);
  return seen;
}

// Parameters as one vector: [rows, D + 1] flattened, the intercept last. One row for two classes, K for more.
struct Objective {
  const at::Tensor& x;       // [N, D]
  const at::Tensor& labels;  // [N] in [0, K)
  int64_t rows;
  double penalty;  // 1 / (C N)

  double operator()(const at::Tensor& parameters, at::Tensor& gradient) const {
    const int64_t n = x.size(0), d = x.size(1);
    const at::Tensor p = parameters.view({rows, d + 1});
    const at::Tensor weight = p.narrow(1, 0, d), intercept = p.select(1, d);
    const at::Tensor scores = at::addmm(intercept, x, weight.t());  // [N, rows]
    at::Tensor residual;                                            // d loss / d scores, [N, rows]
    double loss = 0;
    if (rows == 1) {
      const at::Tensor target = labels.to(at::kDouble).unsqueeze(1);
      // log(1 + e^z) - y z, without overflow.
      loss = (at::clamp_min(scores, 0) + at::log1p(at::exp(-scores.abs())) - target * scores).mean().item<double>();
      residual = at::sigmoid(scores) - target;
    } else {
      const at::Tensor log_probability = at::log_softmax(scores, 1);
      loss = -log_probability.gather(1, labels.unsqueeze(1)).mean().item<double>();
      residual = log_probability.exp();
      residual.scatter_add_(1, labels.unsqueeze(1), at::full({n, 1}, -1.0, residual.options()));
    }
    residual.div_(static_cast<double>(n));
    gradient = at::empty({rows, d + 1}, at::kDouble);
    gradient.narrow(1, 0, d).copy_(at::addmm(weight, residual.t(), x, penalty, 1.0));
    gradient.select(1, d).copy_(residual.sum(0));
    gradient = gradient.view(-1);
    return loss + 0.5 * penalty * weight.square().sum().item<double>();
  }
};

void check_set(const at::Tensor& features, const at::Tensor& labels, int64_t classes, const char* name) {
  check_shape(features, name, 2);
  check_finite(features, name);
  check_labels(labels, "labels", features.size(0), classes);
}

}  // namespace

void LogisticRegressionOptions::validate() const {
  if (!(c > 0) || !std::isfinite(c))
    throw UsageError({.what = "is not a positive number", .field = "c", .mend = "give C > 0"});
  if (max_iterations < 1)
    throw UsageError({.what = "is below 1", .field = "max_iterations", .mend = "give at least 1"});
  if (!(tolerance > 0))
    throw UsageError({.what = "is not positive", .field = "tolerance", .mend = "give for instance 1e-4"});
  if (memory < 1) throw UsageError({.what = "is below 1", .field = "memory", .mend = "give for instance 10"});
}

at::Tensor LogisticRegression::scores(const at::Tensor& features) const {
  check_shape(features, "features", 2);
  if (features.size(1) != weight.size(1)) {
    throw Error({.what = "have " + std::to_string(features.size(1)) + " columns, the classifier was fitted on " +
                         std::to_string(weight.size(1)),
                 .field = "features",
                 .mend = "use the same encoder"});
  }
  return at::addmm(intercept, as_double(features), weight.t());
}

at::Tensor LogisticRegression::predict(const at::Tensor& features) const { return scores(features).argmax(1); }

LogisticRegression fit_logistic_regression(const at::Tensor& features, const at::Tensor& labels, int64_t classes,
                                           const LogisticRegressionOptions& options) {
  options.validate();
  check_set(features, labels, classes, "features");
  const at::Tensor x = as_double(features);
  const SeenClasses seen = seen_classes(labels.cpu(), classes);
  const int64_t count = seen.classes.size(0), d = x.size(1);
  if (count < 2)
    throw Error({.what = "hold only one class", .field = "labels", .mend = "give examples of at least two"});
  const int64_t rows = count == 2 ? 1 : count;
  const Objective objective{x, seen.labels, rows, 1 / (options.c * static_cast<double>(x.size(0)))};
  const Minimum minimum = minimise_lbfgs(
      [&](const at::Tensor& p, at::Tensor& gradient) { return objective(p, gradient); },
      at::zeros({rows * (d + 1)}, at::kDouble),
      {.max_iterations = options.max_iterations, .gradient_tolerance = options.tolerance, .memory = options.memory});

  LogisticRegression model{.weight = at::zeros({classes, d}, at::kDouble),
                           // A class without examples is never predicted.
                           .intercept = at::full({classes}, -std::numeric_limits<double>::infinity(), at::kDouble),
                           .iterations = minimum.iterations,
                           .objective = minimum.value,
                           .gradient_max = minimum.gradient_max,
                           .converged = minimum.converged};
  const at::Tensor fitted = minimum.position.view({rows, d + 1});
  // Two classes have one row: the second's score against a first of zero.
  const at::Tensor targets = rows == 1 ? seen.classes.narrow(0, 1, 1) : seen.classes;
  model.intercept.index_fill_(0, seen.classes, 0.0);
  model.weight.index_copy_(0, targets, fitted.narrow(1, 0, d).contiguous());
  model.intercept.index_copy_(0, targets, fitted.select(1, d).contiguous());
  return model;
}

void ProbeOptions::validate() const {
  regression.validate();
  if (!(lowest > 0) || !(highest >= lowest) || !std::isfinite(highest)) {
    throw UsageError({.what = "is not a range of positive numbers",
                      .field = "lowest, highest",
                      .mend = "give for instance 1e-6 and 1e6"});
  }
  if (!(factor > 1)) throw UsageError({.what = "is not above 1", .field = "factor", .mend = "give for instance 100"});
  if (halvings < 0) throw UsageError({.what = "is negative", .field = "halvings", .mend = "give for instance 4"});
}

ProbeResult linear_probe(const at::Tensor& train_features, const at::Tensor& train_labels,
                         const at::Tensor& validation_features, const at::Tensor& validation_labels, int64_t classes,
                         const ProbeOptions& options) {
  options.validate();
  check_set(train_features, train_labels, classes, "train_features");
  check_set(validation_features, validation_labels, classes, "validation_features");
  const at::Tensor train = as_double(train_features), validation = as_double(validation_features);
  const at::Tensor labels = train_labels.cpu(), held_out = validation_labels.cpu();
  ProbeResult result{.validation_accuracy = -1};
  LogisticRegressionOptions regression = options.regression;
  const auto attempt = [&](double c) {
    regression.c = c;
    const LogisticRegression model = fit_logistic_regression(train, labels, classes, regression);
    const double accuracy = macro_accuracy(model.predict(validation), held_out, classes);
    result.tried.emplace_back(c, accuracy);
    if (accuracy > result.validation_accuracy) {
      result.validation_accuracy = accuracy;
      result.c = c;
    }
  };
  // The limits' logarithms decide how many steps there are: 1e6 must not be lost to rounding.
  const auto steps =
      static_cast<int64_t>(std::floor(std::log(options.highest / options.lowest) / std::log(options.factor) + 1e-9));
  for (int64_t i = 0; i <= steps; ++i) attempt(options.lowest * std::pow(options.factor, static_cast<double>(i)));
  double step = std::sqrt(options.factor);
  for (int64_t i = 0; i < options.halvings; ++i) {
    const double middle = result.c;
    attempt(middle / step);
    attempt(middle * step);
    step = std::sqrt(step);
  }
  regression.c = result.c;
  result.model =
      fit_logistic_regression(at::cat({train, validation}), at::cat({labels, held_out}), classes, regression);
  return result;
}

}  // namespace cambium::metrics
