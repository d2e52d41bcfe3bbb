#include "peft/select.h"

#include "core/error.h"
#include "core/glob.h"
#include "nn/load.h"

namespace cambium::peft {

void train_only(torch::nn::Module& module, const std::vector<std::string>& patterns) {
  const auto parameters = module.named_parameters();
  for (const auto& pattern : patterns) {
    const bool found = std::any_of(parameters.begin(), parameters.end(),
                                   [&](const auto& item) { return glob_matches(pattern, item.key()); });
    if (!found) {
      const std::string close = nearest(pattern, parameters.keys());
      throw UsageError({.what = "\"" + pattern + "\" matches no parameter of the model",
                        .mend = close.empty() ? "cambium inspect lists them" : "did you mean " + close + "?"});
    }
  }
  for (const auto& item : parameters) {
    if (!glob_matches_any(patterns, item.key())) item.value().requires_grad_(false);
  }
}

io::NamedTensors trained_tensors(const torch::nn::Module& module) {
  io::NamedTensors trained;
  for (auto& entry : nn::state_tensors(module)) {
    if (entry.second.requires_grad()) trained.push_back(std::move(entry));
  }
  return trained;
}

}  // namespace cambium::peft
