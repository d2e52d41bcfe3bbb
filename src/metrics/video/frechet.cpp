#include "metrics/video/frechet.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {
namespace {

// The symmetric root of a covariance; rounding below 0 is cut off.
at::Tensor symmetric_root(const at::Tensor& matrix) {
  const auto [values, vectors] = at::linalg_eigh(matrix);
  return at::matmul(vectors * values.clamp_min(0).sqrt().unsqueeze(0), vectors.t());
}

// A set about its mean, scaled so that rows^T rows is the covariance.
struct Centred {
  at::Tensor mean;  // f64 [D]
  at::Tensor rows;  // f64 [N, D]
};

Centred centred(const at::Tensor& features) {
  check_shape(features, "features", 2);
  check_finite(features, "features");
  if (features.size(0) < 2) {
    throw Error(
        {.what = "one sample has no covariance", .field = "features", .mend = "give at least two films or frames"});
  }
  const at::Tensor rows = as_double(features), mean = rows.mean(0);
  return {.mean = mean, .rows = (rows - mean) / std::sqrt(static_cast<double>(rows.size(0) - 1))};
}

void check_same_dimensions(int64_t a, int64_t b) {
  if (a == b) return;
  throw Error(
      {.what = "features of " + std::to_string(a) + " and of " + std::to_string(b) + " dimensions cannot be compared",
       .field = "features",
       .mend = "use one network for both sets"});
}

}  // namespace

FeatureStatistics feature_statistics(const at::Tensor& features) {
  const Centred set = centred(features);
  return {.mean = set.mean, .covariance = at::matmul(set.rows.t(), set.rows), .count = set.rows.size(0)};
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  check_same_dimensions(a.mean.size(0), b.mean.size(0));
  const at::Tensor root = symmetric_root(a.covariance);
  at::Tensor product = at::matmul(at::matmul(root, b.covariance), root);
  product = (product + product.t()) / 2;  // eigh reads one triangle
  const at::Tensor eigenvalues = at::linalg_eigvalsh(product).clamp_min(0);
  const at::Tensor distance =
      (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * eigenvalues.sqrt().sum();
  return distance.item<double>();
}

double frechet_distance(const at::Tensor& a, const at::Tensor& b) {
  const Centred first = centred(a), second = centred(b);
  const int64_t dimensions = first.mean.size(0);
  check_same_dimensions(dimensions, second.mean.size(0));
  if (std::max(first.rows.size(0), second.rows.size(0)) >= dimensions)
    return frechet_distance(feature_statistics(a), feature_statistics(b));
  const at::Tensor roots = at::linalg_svdvals(at::matmul(first.rows, second.rows.t()));
  const at::Tensor distance = (first.mean - second.mean).square().sum() + first.rows.square().sum() +
                              second.rows.square().sum() - 2 * roots.sum();
  return distance.item<double>();
}

InceptionScore inception_score(const at::Tensor& probabilities, int64_t splits) {
  check_shape(probabilities, "probabilities", 2);
  check_finite(probabilities, "probabilities");
  const at::Tensor rows = as_double(probabilities);  // [N, C]
  if (splits < 1 || rows.size(0) < splits) {
    throw Error({.what = std::to_string(rows.size(0)) + " rows cannot be " + std::to_string(splits) + " parts",
                 .field = "splits",
                 .mend = "give at least one row a part"});
  }
  constexpr double kRounding = 1e-3;
  if ((rows < 0).any().item<bool>() || ((rows.sum(1) - 1).abs() > kRounding).any().item<bool>()) {
    throw Error({.what = "holds rows that are no probabilities",
                 .field = "probabilities",
                 .mend = "give the softmax of the classifier's logits"});
  }
  const int64_t part = rows.size(0) / splits;
  const at::Tensor parts = rows.narrow(0, 0, part * splits).view({splits, part, rows.size(1)});
  const at::Tensor marginal = parts.mean(1, /*keepdim=*/true);  // [S, 1, C]
  // xlogy is 0 where a probability is.
  const at::Tensor divergence = (at::xlogy(parts, parts) - at::xlogy(parts, marginal)).sum(2);  // [S, N / S]
  const at::Tensor scores = divergence.mean(1).exp();                                           // [S]
  return {.mean = scores.mean().item<double>(), .deviation = scores.std(/*unbiased=*/false).item<double>()};
}

double clip_similarity(const at::Tensor& frames, const at::Tensor& text) {
  check_shape(frames, "frames", 2);
  check_shape(text, "text", 1);
  if (frames.size(1) != text.size(0)) {
    throw Error({.what = "frames have " + std::to_string(frames.size(1)) + " dimensions and the text " +
                         std::to_string(text.size(0)),
                 .field = "text",
                 .mend = "embed both with one model"});
  }
  const at::Tensor rows = as_double(frames), words = as_double(text);
  return (at::matmul(rows, words) / (rows.norm(2, 1) * words.norm())).mean().item<double>();
}

}  // namespace cambium::metrics
