#pragma once
// The ways to adapt the frozen foundation that the demo compares: the same steps, pictures and decoder, and rates
// chosen by the same search.
#include <filesystem>
#include <string>
#include <vector>

#include "systems/sam_adapter/adapted.h"
#include "systems/sam_adapter/demo/evaluation.h"

namespace cambium::systems::sam_adapter::demo {

struct MethodPlan {
  Method method = Method::adapter;
  std::vector<std::string> overrides = {};  // of recipes/sam_adapter/demo.yaml
  double lr = 2e-3;                         // as the search of --full found it for the small foundation
};
// SAM-Adapter, LoRA of about as many parameters, and the decoder alone.
std::vector<MethodPlan> plans(Problem problem);

// The rates that the search tries for every method.
std::vector<double> candidate_rates();

struct TrainOptions {
  std::filesystem::path data;  // the problem's folder (problem_sets.h)
  std::filesystem::path run;   // replaced
  int64_t steps = 0;           // 0: the recipe's
  int64_t batch = 0;           // 0: the recipe's
  uint64_t seed = 0;
  std::vector<std::string> overrides = {};  // the user's
  std::string label = {};
};

struct Trained {
  std::filesystem::path delta = {};
  double seconds = 0;
  std::string recipe = {};  // resolved
};
Trained train_method(const MethodPlan& plan, Problem problem, double lr, const Foundation& foundation,
                     const TrainOptions& options);

// The foundation decoded without a prompt, before anything is trained.
std::shared_ptr<cambium::sam_adapter::SamAdapter> untrained(const Foundation& foundation);

// A model's probabilities f32 [N, S, S] on pictures u8 [N, 3, S, S].
at::Tensor predict(cambium::sam_adapter::SamAdapter& model, const at::Tensor& images);

// Parameters in a delta file: all, and those that act in the image encoder.
struct DeltaSize {
  int64_t trained = 0, in_encoder = 0, bytes = 0;
};
DeltaSize measure_delta(const std::filesystem::path& delta);

}  // namespace cambium::systems::sam_adapter::demo
