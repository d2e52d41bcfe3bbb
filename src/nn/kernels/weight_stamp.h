#pragma once
// Weights and what was made of them: when a derived copy is out of date, and when it is all there is.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::nn::kernels {

// Which contents of a tensor a copy was made from: other contents have another address or another version.
struct WeightStamp {
  const void* data = nullptr;
  uint64_t version = 0;

  bool operator==(const WeightStamp&) const = default;
};
WeightStamp stamp_of(const at::Tensor& weight);  // undefined: an empty stamp

// While one lives, layers that this thread runs give a weight's row-major contents up once they hold its packed copy: a
// model that only predicts needs each weight once. What was given up cannot be trained, saved or converted again.
class KeepPackedOnly {
 public:
  KeepPackedOnly() { ++depth(); }
  ~KeepPackedOnly() { --depth(); }
  KeepPackedOnly(const KeepPackedOnly&) = delete;
  KeepPackedOnly& operator=(const KeepPackedOnly&) = delete;

  static bool active() { return depth() > 0; }

 private:
  static int& depth();
};

// Gives the contents up; shape and dtype stay.
void give_up(const at::Tensor& weight);
bool is_given_up(const at::Tensor& weight);
// Error where it was given up: for those who would read it.
void require_contents(const at::Tensor& weight);

}  // namespace cambium::nn::kernels
