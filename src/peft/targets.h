#pragma once
// Which linear layers of a model get a term beside them, and who holds its parameters.
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "nn/linear.h"

namespace cambium::peft {

struct TargetLayer {
  std::string name;
  std::shared_ptr<nn::Linear> linear;
  // Where the layer's own tensors are registered under other names: the module that gets a child `leaf` for the new
  // ones.
  std::shared_ptr<torch::nn::Module> holder = {};
  std::string leaf = {};
};

// Every linear layer, in state-dict order. The packed projection of a SelfAttention with torch's names, whose tensors
// are called attn.in_proj_weight and attn.in_proj_bias, is the layer attn.in_proj.
std::vector<TargetLayer> find_layers(torch::nn::Module& model);

// Those that a target matches (core/glob.h). UsageError for a target that matches none, a rank that is not below a
// layer's sizes, or a layer that has a term already.
std::vector<TargetLayer> choose_layers(torch::nn::Module& model, const std::vector<std::string>& targets, int64_t rank);

// The module that the term's parameters are registered in.
torch::nn::Module& owner_of(const TargetLayer& layer);

// UsageError naming the field.
void check_low_rank(int64_t rank, double alpha, const std::vector<std::string>& targets);

}  // namespace cambium::peft
