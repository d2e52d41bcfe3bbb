#pragma once
// PyTorch's default initialisations, drawn from a given generator.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace cambium::nn {

// Both uniform within fan_in^-1/2; bias may be undefined.
void initialize_uniform(at::Tensor& weight, at::Tensor& bias, int64_t fan_in, at::Generator& generator);
void initialize_linear(Linear& layer, at::Generator& generator);
// Ones and zeros.
void initialize_norm(LayerNorm& norm);

// Whether `layer` is a Linear, Conv2d, Embedding, LayerNorm or GroupNorm; then it is initialised.
bool initialize_layer(torch::nn::Module& layer, at::Generator& generator);

// Every Linear, Conv2d, Embedding, LayerNorm and GroupNorm below `module`, in the order of registration. Error naming a
// parameter that belongs to none of them.
void initialize_layers(torch::nn::Module& module, at::Generator& generator);

}  // namespace cambium::nn
