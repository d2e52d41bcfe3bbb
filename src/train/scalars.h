#pragma once
// Named numbers of one step, in the order they were set.
#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::train {

// Kept as 0-D tensors until someone asks for numbers, so that a step on an accelerator waits once, not once per scalar.
class Scalars {
 public:
  void set(const std::string& name, const at::Tensor& value);  // one element; detached
  void set(const std::string& name, double value);

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // Error naming the scalar if it was never set. Waits for the device.
  double at(std::string_view name) const;
  std::vector<std::string> names() const;
  // f64 on the CPU, [size()]; one transfer.
  at::Tensor values() const;
  std::vector<std::pair<std::string, double>> items() const;

  // this += weight * other, by name; a name not yet here starts at 0. For means over micro-batches.
  void add(const Scalars& other, double weight);

 private:
  const at::Tensor* find(std::string_view name) const;
  std::vector<std::pair<std::string, at::Tensor>> entries_;
};

}  // namespace cambium::train
