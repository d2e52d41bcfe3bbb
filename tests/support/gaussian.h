#pragma once
// Random tensors for tests.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "core/random.h"

namespace cambium::test {

// Standard normal, f32; the same seed gives the same numbers.
inline at::Tensor gaussian(at::IntArrayRef shape, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  at::Tensor t = at::empty(shape);
  return normal_(t, 0, 1, generator);
}

}  // namespace cambium::test
