#include "nn/layer_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

namespace cambium::nn {

LayerNorm::LayerNorm(const LayerNormOptions& options) : options_(options) {
  weight = register_parameter("weight", at::empty({options.width}));
  bias = register_parameter("bias", at::empty({options.width}));
}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  // On the CPU the operator itself takes bfloat16 in and out with float32 statistics, weight and bias.
  const bool reduced = x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble;
  if (!reduced || (x.device().is_cpu() && weight.scalar_type() == at::kFloat)) {
    return at::layer_norm(x, {options_.width}, weight.to(reduced ? at::kFloat : x.scalar_type()),
                          bias.to(reduced ? at::kFloat : x.scalar_type()), options_.eps);
  }
  return at::layer_norm(x.to(at::kFloat), {options_.width}, weight.to(at::kFloat), bias.to(at::kFloat), options_.eps)
      .to(x.scalar_type());
}

}  // namespace cambium::nn
