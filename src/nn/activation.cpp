#include "nn/activation.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>

#include "core/error.h"
#include "nn/kernels/elementwise.h"

namespace cambium::nn {

at::Tensor activate(const at::Tensor& x, Activation activation) {
  if (activation == Activation::gelu) return kernels::gelu_takes(x) ? kernels::gelu(x) : at::gelu(x);
  // silu's backward is one fused pass; x * sigmoid(1.702 x) written out would keep two more tensors for it.
  return at::silu(x * 1.702).div_(1.702);
}

std::string to_string(Activation activation) { return activation == Activation::gelu ? "gelu" : "quick_gelu"; }

Activation parse_activation(const std::string& name) {
  if (name == "gelu") return Activation::gelu;
  if (name == "quick_gelu") return Activation::quick_gelu;
  throw UsageError(
      {.what = "unknown activation '" + name + "'", .field = "activation", .mend = "use gelu or quick_gelu"});
}

}  // namespace cambium::nn
