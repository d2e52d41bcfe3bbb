#include "train/scalars.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include "core/error.h"

namespace cambium::train {

void Scalars::set(const std::string& name, const at::Tensor& value) {
  if (value.numel() != 1) {
    throw Error({.what = "a scalar has one element, this one has " + std::to_string(value.numel()), .field = name});
  }
  const at::Tensor kept = value.detach().reshape({});
  for (auto& [known, tensor] : entries_) {
    if (known == name) {
      tensor = kept;
      return;
    }
  }
  entries_.emplace_back(name, kept);
}

void Scalars::set(const std::string& name, double value) { set(name, at::scalar_tensor(value, at::kDouble)); }

const at::Tensor* Scalars::find(std::string_view name) const {
  for (const auto& [known, tensor] : entries_) {
    if (known == name) return &tensor;
  }
  return nullptr;
}

double Scalars::at(std::string_view name) const {
  const at::Tensor* found = find(name);
  if (!found) throw Error({.what = "the step reported no such scalar", .field = std::string(name)});
  return found->item<double>();
}

std::vector<std::string> Scalars::names() const {
  std::vector<std::string> result;
  for (const auto& entry : entries_) result.push_back(entry.first);
  return result;
}

at::Tensor Scalars::values() const {
  std::vector<at::Tensor> device, host;
  for (const auto& entry : entries_) (entry.second.is_cpu() ? host : device).push_back(entry.second.to(at::kDouble));
  if (entries_.empty()) return at::empty({0}, at::kDouble);
  if (device.empty()) return at::stack(host);
  const at::Tensor moved = at::stack(device).cpu();
  std::vector<at::Tensor> all;
  int64_t next_device = 0;
  size_t next_host = 0;
  for (const auto& entry : entries_) all.push_back(entry.second.is_cpu() ? host[next_host++] : moved[next_device++]);
  return at::stack(all);
}

std::vector<std::pair<std::string, double>> Scalars::items() const {
  const at::Tensor numbers = values();
  std::vector<std::pair<std::string, double>> result;
  for (size_t i = 0; i < entries_.size(); ++i)
    result.emplace_back(entries_[i].first, numbers.const_data_ptr<double>()[i]);
  return result;
}

void Scalars::add(const Scalars& other, double weight) {
  for (const auto& [name, value] : other.entries_) {
    // In double: the mean of many micro-batches keeps a float32 loss's digits.
    const at::Tensor part = value.to(at::kDouble) * weight;
    const at::Tensor* known = find(name);
    set(name, known ? known->to(at::kDouble) + part : part);
  }
}

}  // namespace cambium::train
