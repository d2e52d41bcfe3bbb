#include "io/state_dict.h"

#include "core/error.h"

namespace cambium::io {

const at::Tensor* StateDict::find(std::string_view name) const {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return &tensor;
  }
  return nullptr;
}

const at::Tensor& StateDict::at(std::string_view name) const {
  if (const at::Tensor* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  names.reserve(tensors.size());
  for (const auto& [key, tensor] : tensors) names.push_back(key);
  const std::string close = nearest(std::string(name), names);
  throw Error({.what = "holds no tensor of this name",
               .file = source,
               .field = std::string(name),
               .mend = close.empty() ? "see what it holds with cambium inspect" : "did you mean " + close + "?"});
}

void StateDict::insert(std::string name, at::Tensor tensor) {
  for (auto& [key, value] : tensors) {
    if (key == name) {
      value = std::move(tensor);
      return;
    }
  }
  tensors.emplace_back(std::move(name), std::move(tensor));
}

int64_t count_elements(const NamedTensors& tensors) {
  int64_t count = 0;
  for (const auto& [name, tensor] : tensors) count += tensor.numel();
  return count;
}

int64_t count_bytes(const NamedTensors& tensors) {
  int64_t count = 0;
  for (const auto& [name, tensor] : tensors) count += static_cast<int64_t>(tensor.nbytes());
  return count;
}

}  // namespace cambium::io
