#pragma once
// What one method's answers on a test split are worth.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "metrics/segmentation/summary.h"
#include "systems/sam_adapter/demo/problem_sets.h"

namespace cambium::systems::sam_adapter::demo {

// The rows of the tables.
enum class Method { everything, box, grid, oracle, untrained, decoder, lora, adapter };
// "SAM, whole-image box"
std::string title(Method method);
// Whether the method trains anything.
bool is_trained(Method method);

struct Evaluation {
  std::vector<metrics::SegmentationScores> images;  // in the split's order
  metrics::SegmentationSummary summary;
};
// probabilities f32 [N, S, S]
Evaluation evaluate(const at::Tensor& probabilities, const ProblemSet& truth);

// A measure of one picture: "IoU" by SegmentationScores::iou.
using Measure = std::function<double(const metrics::SegmentationScores&)>;

// The mean over pictures of a - b, and its standard error.
struct Difference {
  double mean = 0, standard_error = 0;
};
Difference paired_difference(const Evaluation& a, const Evaluation& b, const Measure& measure);

// One method in one run of the demo.
struct MethodResult {
  Method method = Method::everything;
  Evaluation evaluation = {};
  at::Tensor probabilities = {};  // f32 [N, S, S]
  int64_t trained = 0;            // parameters that were trained, the decoder's included
  int64_t in_encoder = 0;         // of these, those that adapt the encoder
  double lr = 0;                  // as chosen on the validation split
  double train_seconds = 0;
  int64_t delta_bytes = 0;
};

// All methods on one problem with one seed.
struct ProblemResult {
  Problem problem = Problem::camouflage;
  uint64_t seed = 0;
  std::vector<MethodResult> methods;
  const MethodResult& at(Method method) const;  // Error where it is not there
};

}  // namespace cambium::systems::sam_adapter::demo
