#include "nn/initialize.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "nn/conv2d.h"
#include "nn/embedding.h"
#include "nn/group_norm.h"

namespace cambium::nn {
namespace {

void ones_and_zeros(at::Tensor weight, at::Tensor bias) {
  const at::NoGradGuard no_grad;
  weight.fill_(1);
  bias.zero_();
}

}  // namespace

void initialize_uniform(at::Tensor& weight, at::Tensor& bias, int64_t fan_in, at::Generator& generator) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  uniform_(weight, -bound, bound, generator);
  if (bias.defined()) uniform_(bias, -bound, bound, generator);
}

void initialize_linear(Linear& layer, at::Generator& generator) {
  initialize_uniform(layer.weight, layer.bias, layer.options().in, generator);
}

void initialize_norm(LayerNorm& norm) { ones_and_zeros(norm.weight, norm.bias); }

bool initialize_layer(torch::nn::Module& layer, at::Generator& generator) {
  if (auto* linear = dynamic_cast<Linear*>(&layer)) {
    initialize_linear(*linear, generator);
  } else if (auto* convolution = dynamic_cast<Conv2d*>(&layer)) {
    convolution->initialize(generator);
  } else if (auto* embedding = dynamic_cast<Embedding*>(&layer)) {
    embedding->initialize(generator);
  } else if (auto* layer_norm = dynamic_cast<LayerNorm*>(&layer)) {
    initialize_norm(*layer_norm);
  } else if (auto* group_norm = dynamic_cast<GroupNorm*>(&layer)) {
    ones_and_zeros(group_norm->weight, group_norm->bias);
  } else {
    return false;
  }
  return true;
}

void initialize_layers(torch::nn::Module& module, at::Generator& generator) {
  if (!module.parameters(/*recurse=*/false).empty())
    throw Error({.what = "no default initialisation is known for the module's own parameters"});
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    torch::nn::Module& layer = *item.value();
    if (!initialize_layer(layer, generator) && !layer.parameters(/*recurse=*/false).empty())
      throw Error({.what = "no default initialisation is known for the parameters of " + item.key()});
  }
}

}  // namespace cambium::nn
