#pragma once
// A model's tensors by name, as a checkpoint holds them.
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::io {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

struct StateDict {
  std::string source = {};    // the file or folder, for errors
  std::string key = {};       // the checkpoint's key that it stood under ("model"), if any
  NamedTensors tensors = {};  // in file order; the names are the checkpoint's own
  // Tensors that the file keeps beside its state dict, such as "root" in MERU's CLIP checkpoints.
  NamedTensors extras = {};
  std::map<std::string, std::string> metadata = {};  // safetensors' __metadata__

  const at::Tensor* find(std::string_view name) const;  // nullptr where there is none
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // Error naming the source, the name and the nearest name there is.
  const at::Tensor& at(std::string_view name) const;
  // Replaces the tensor of that name, or appends it.
  void insert(std::string name, at::Tensor tensor);
};

// Elements in all tensors together, and the bytes they take.
int64_t count_elements(const NamedTensors& tensors);
int64_t count_bytes(const NamedTensors& tensors);

}  // namespace cambium::io
