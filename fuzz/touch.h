#pragma once
// What harnesses do with the tensors that a parser gave.
#include <ATen/core/Tensor.h>

#include "io/state_dict.h"

namespace cambium::fuzz {

// Reads the first and the last byte a tensor can reach, in code that the address sanitizer sees.
inline void touch(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.numel() == 0) return;
  int64_t last = 0;
  for (int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  const auto* bytes = static_cast<const volatile unsigned char*>(tensor.const_data_ptr());
  static_cast<void>(bytes[0]);
  static_cast<void>(bytes[(last + 1) * static_cast<int64_t>(tensor.element_size()) - 1]);
}

inline void touch(const io::StateDict& state) {
  for (const auto& [name, tensor] : state.tensors) touch(tensor);
  for (const auto& [name, tensor] : state.extras) touch(tensor);
}

}  // namespace cambium::fuzz
