#include "systems/sam_adapter/demo/evaluation.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace cambium::systems::sam_adapter::demo {

std::string title(Method method) {
  switch (method) {
    case Method::everything:
      return "everything is foreground";
    case Method::box:
      return "SAM, whole-image box";
    case Method::grid:
      return "SAM, point grid, its own choice";
    case Method::oracle:
      return "SAM, point grid, chosen by the truth";
    case Method::untrained:
      return "SAM without a prompt, untrained";
    case Method::decoder:
      return "decoder alone";
    case Method::lora:
      return "LoRA and decoder";
    case Method::adapter:
      return "SAM-Adapter";
  }
  throw Error({.what = "an unknown method"});
}

bool is_trained(Method method) {
  return method == Method::decoder || method == Method::lora || method == Method::adapter;
}

Evaluation evaluate(const at::Tensor& probabilities, const ProblemSet& truth) {
  Evaluation out;
  for (int64_t i = 0; i < truth.size(); ++i) {
    out.images.push_back(metrics::score_segmentation(probabilities[i], truth.masks[i]));
  }
  out.summary = metrics::summarise(out.images);
  return out;
}

Difference paired_difference(const Evaluation& a, const Evaluation& b, const Measure& measure) {
  if (a.images.size() != b.images.size() || a.images.empty()) {
    throw Error({.what = "two methods were not judged on the same pictures"});
  }
  std::vector<double> differences;
  for (size_t i = 0; i < a.images.size(); ++i) {
    const double difference = measure(a.images[i]) - measure(b.images[i]);
    if (std::isfinite(difference)) differences.push_back(difference);
  }
  const auto count = static_cast<double>(differences.size());
  double sum = 0, squares = 0;
  for (const double difference : differences) sum += difference;
  const double mean = sum / count;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  return {mean, std::sqrt(squares / (count - 1) / count)};
}

const MethodResult& ProblemResult::at(Method method) const {
  const auto found =
      std::find_if(methods.begin(), methods.end(), [&](const auto& one) { return one.method == method; });
  if (found == methods.end()) throw Error({.what = "no result for \"" + title(method) + "\""});
  return *found;
}

}  // namespace cambium::systems::sam_adapter::demo
