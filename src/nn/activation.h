#pragma once
// The two activations of CLIP-like transformers.
#include <ATen/core/Tensor.h>

#include <string>

namespace cambium::nn {

enum class Activation {
  gelu,        // exact, by erf: x * Phi(x)
  quick_gelu,  // x * sigmoid(1.702 x), OpenAI's approximation
};

at::Tensor activate(const at::Tensor& x, Activation activation);

std::string to_string(Activation activation);
// "gelu" or "quick_gelu"; UsageError otherwise.
Activation parse_activation(const std::string& name);

}  // namespace cambium::nn
