#pragma once
// Which parameters of a model are trained.
#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "io/state_dict.h"

namespace cambium::peft {

// Freezes every parameter but those whose name matches a pattern (core/glob.h); what was fixed before stays fixed.
// UsageError naming a pattern that matches no parameter; then nothing was changed.
void train_only(torch::nn::Module& module, const std::vector<std::string>& patterns);

// The parameters that require grad, in state-dict order. The tensors are the module's own.
io::NamedTensors trained_tensors(const torch::nn::Module& module);

}  // namespace cambium::peft
