#pragma once
// Whether autograd watches: operators without a gradient may run only where it does not.
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

namespace cambium::nn {

// Gradients are recorded, and one of the tensors (any may be undefined) wants one.
template <class... Tensors>
bool gradient_recorded(const Tensors&... tensors) {
  return c10::GradMode::is_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}

}  // namespace cambium::nn
