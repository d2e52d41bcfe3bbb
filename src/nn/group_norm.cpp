#include "nn/group_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>

#include "core/error.h"
#include "nn/gradient_recorded.h"
#include "nn/kernels/fused_group_norm.h"

namespace cambium::nn {

namespace {

// LibTorch's gradient for weight and bias crashes on the CPU where the input is channels-last and wants none itself
// (the first norm behind frozen layers): there it works on planes.
at::Tensor on_planes(const at::Tensor& x, const at::Tensor& weight) {
  const bool crashes = x.is_cpu() && gradient_recorded(weight) && !x.requires_grad();
  return crashes ? x.contiguous() : x;
}

}  // namespace

void GroupNormOptions::validate() const {
  if (groups < 1 || channels < 1 || channels % groups != 0)
    throw UsageError(
        {.what = std::to_string(groups) + " groups do not divide " + std::to_string(channels) + " channels",
         .field = "groups"});
}

GroupNorm::GroupNorm(const GroupNormOptions& options) : options_(options) {
  options.validate();
  weight = register_parameter("weight", at::empty({options.channels}));
  bias = register_parameter("bias", at::empty({options.channels}));
}

bool GroupNorm::fuses(const at::Tensor& x, const at::Tensor& added) const {
  return !gradient_recorded(x, weight, bias, added) && kernels::group_norm_takes(x);
}

at::Tensor GroupNorm::fused(const at::Tensor& x, bool silu, const at::Tensor& added) const {
  return kernels::group_norm(
      x,
      {.groups = options_.groups, .eps = options_.eps, .silu = silu, .weight = weight, .bias = bias, .added = added});
}

at::Tensor GroupNorm::forward(const at::Tensor& x) const {
  if (fuses(x, {})) return fused(x, /*silu=*/false, {});
  const bool reduced = x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble;
  const auto dtype = reduced ? at::kFloat : x.scalar_type();
  // On the CPU the operator itself takes bfloat16 in and out with float32 statistics, weight and bias.
  const at::Tensor in = reduced && !x.is_cpu() ? x.to(at::kFloat) : x;
  return at::group_norm(on_planes(in, weight), options_.groups, weight.to(dtype), bias.to(dtype), options_.eps)
      .to(x.scalar_type())
      .contiguous(x.suggest_memory_format());
}

at::Tensor GroupNorm::forward_silu(const at::Tensor& x, const at::Tensor& added) const {
  if (fuses(x, added)) return fused(x, /*silu=*/true, added);
  if (!added.defined()) return at::silu(forward(x));
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);  // [N, C, 1, ...]
  shape[0] = added.size(0);
  shape[1] = added.size(1);
  return at::silu(forward(x + added.reshape(shape)));
}

}  // namespace cambium::nn
