#include "nn/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include "core/error.h"
#include "nn/gradient_recorded.h"
#include "nn/kernels/weight_stamp.h"

namespace cambium::nn {
namespace {

at::Tensor cast(const at::Tensor& t, c10::ScalarType dtype) { return t.defined() ? t.to(dtype) : t; }

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  kernels::require_contents(weight);
  const at::Tensor w = cast(weight, x.scalar_type()), b = cast(bias, x.scalar_type());
  if (kernels::onednn_takes(x)) return kernels::onednn_linear(x, w, b);
  // A non-contiguous 3-D input falls into a batched path that is 20 to 100 times slower.
  return at::linear(x.contiguous(), w, b);
}

Linear::Linear(const LinearOptions& options) : options_(options) {
  if (options.in <= 0 || options.out <= 0) {
    throw Error({.what = "a linear layer needs positive sizes, got " + std::to_string(options.in) + " to " +
                         std::to_string(options.out)});
  }
  weight = register_parameter("weight", at::empty({options.out, options.in}));
  if (options.bias) bias = register_parameter("bias", at::empty({options.out}));
}

bool Linear::fuses(const at::Tensor& x) const {
  if (delta_ || !kernels::onednn_takes(x)) return false;
  return !gradient_recorded(x, weight, bias);
}

at::Tensor Linear::plain(const at::Tensor& x) const {
  if (kernels::onednn_takes(x) && !gradient_recorded(weight, bias)) {
    return gradient_recorded(x) ? packed_->forward_frozen(x, weight, bias)
                                : packed_->forward(x, weight, bias, kernels::Fuse::none);
  }
  return linear(x, weight, bias);
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  if (fuses(x)) return packed_->forward(x, weight, bias, kernels::Fuse::none);
  at::Tensor y = plain(x);
  return delta_ ? y + delta_->forward(x) : y;
}

at::Tensor Linear::forward(const at::Tensor& x, Activation activation) const {
  if (activation == Activation::gelu && fuses(x)) return packed_->forward(x, weight, bias, kernels::Fuse::gelu);
  return activate(forward(x), activation);
}

at::Tensor Linear::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  if (fuses(x) && residual.scalar_type() == x.scalar_type()) return packed_->forward_add(x, weight, bias, residual);
  return residual + forward(x);
}

void Linear::share_packed(const Linear& other) {
  const auto same = [](const at::Tensor& a, const at::Tensor& b) {
    if (!a.defined() || !b.defined()) return a.defined() == b.defined();
    return a.const_data_ptr() == b.const_data_ptr() && a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
           a._version() == b._version();  // the copy knows its weight by address and version
  };
  if (same(weight, other.weight) && same(bias, other.bias)) packed_ = other.packed_;
}

void share_packed(const torch::nn::Module& from, torch::nn::Module& to) {
  const auto known = from.named_modules("", /*include_self=*/false);
  for (const auto& item : to.named_modules("", /*include_self=*/false)) {
    const auto* other = known.find(item.key());
    auto* mine = dynamic_cast<Linear*>(item.value().get());
    if (!mine || !other) continue;
    if (const auto* theirs = dynamic_cast<const Linear*>(other->get())) mine->share_packed(*theirs);
  }
}

}  // namespace cambium::nn
