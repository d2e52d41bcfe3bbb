#pragma once
// From a state dict into a module and back: strict equality of names, no copy where none is needed.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/state_dict.h"

namespace cambium::nn {

// The module's parameters and buffers by name, in PyTorch's state-dict order: own parameters, own buffers, then
// children. The tensors are the module's own.
std::vector<std::pair<std::string, at::Tensor>> state_tensors(const torch::nn::Module& module);

struct LoadOptions {
  c10::Device device = c10::Device(c10::kCPU);
  // For matrices and convolution kernels (parameters of two or more dimensions named *weight): converted once. Vectors,
  // norms, embeddings' positions and scalars keep the module's dtype.
  std::optional<c10::ScalarType> weight_dtype = std::nullopt;
  // Names (with * for any run of characters) that may be absent from the file, or extra in it.
  std::vector<std::string> may_miss = {};
  std::vector<std::string> may_have = {};
};

// Gives every parameter and buffer of `module` the tensor of the same name. A tensor that already has the wanted dtype
// and device is taken over without a copy (memory-mapped pages stay mapped; writing to them does not touch the file).
// Error naming the file and the first five missing, unexpected and wrongly shaped tensors of each; then nothing was
// changed.
void load_state(torch::nn::Module& module, const io::StateDict& state, const LoadOptions& options = {});

// Holds the weights of frozen parameters (requires_grad off, two or more dimensions, named *weight) in `dtype` from now
// on.
void cast_frozen(torch::nn::Module& module, c10::ScalarType dtype);

}  // namespace cambium::nn
