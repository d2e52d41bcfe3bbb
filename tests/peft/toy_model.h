#pragma once
// Two linear layers and an attention with torch's names: what peft finds in a tower.
#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include "core/random.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/load.h"

namespace cambium::peft {

struct Toy : torch::nn::Module {
  Toy() {
    first = register_module("first", std::make_shared<nn::Linear>(nn::LinearOptions{.in = 12, .out = 16}));
    attn = register_module("attn", std::make_shared<nn::SelfAttention>(nn::SelfAttentionOptions{
                                       .width = 16, .heads = 2, .names = nn::SelfAttentionOptions::Names::torch}));
    head = register_module("head", std::make_shared<nn::Linear>(nn::LinearOptions{.in = 16, .out = 8, .bias = false}));
    scale = register_parameter("scale", at::ones({}));
    fixed = register_parameter("fixed", at::ones({3}), /*requires_grad=*/false);
    at::Generator generator = make_generator(3);
    for (auto& [name, tensor] : nn::state_tensors(*this)) {
      at::Tensor t = tensor;
      normal_(t, 0, 0.3, generator);
    }
  }
  // x [B, T, 12] -> [B, T, 8]
  at::Tensor forward(const at::Tensor& x) const { return head->forward(attn->forward(first->forward(x))) * scale; }

  std::shared_ptr<nn::Linear> first, head;
  std::shared_ptr<nn::SelfAttention> attn;
  at::Tensor scale, fixed;
};

inline at::Tensor draw(at::IntArrayRef shape, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  at::Tensor t = at::empty(shape);
  return normal_(t, 0, 1, generator);
}

inline std::vector<std::string> names_of(const io::NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

}  // namespace cambium::peft
