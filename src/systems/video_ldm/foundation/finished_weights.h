#pragma once
// A trained network as it will be used.
#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

#include "io/state_dict.h"

namespace cambium::systems::video_ldm::foundation {

// Puts `average` (by the names of the module's parameters, or empty) in the place of the last weights and rounds all
// of them to bfloat16, so that the module computes with what is written to disk. -> the rounded tensors by name
io::NamedTensors finish(torch::nn::Module& module, const io::NamedTensors& average);

// At most `count` of the values, evenly spaced.
std::vector<int64_t> spread(const std::vector<int64_t>& values, int64_t count);

}  // namespace cambium::systems::video_ldm::foundation
