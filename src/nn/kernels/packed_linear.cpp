#include "nn/kernels/packed_linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/device.h"
#include "core/error.h"
#include "nn/gradient_recorded.h"
#include "nn/kernels/weight_stamp.h"

namespace cambium::nn::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;

OptionalTensor optional(const at::Tensor& t) { return t.defined() ? OptionalTensor(t) : std::nullopt; }

at::Tensor reorder(const at::Tensor& weight, int64_t rows) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                             .typed<at::Tensor(const at::Tensor&, std::optional<int64_t>)>();
  return op.call(weight, rows);
}

at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                     Fuse fuse = Fuse::none) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const OptionalTensor&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  return op.call(x, weight, bias, fuse == Fuse::gelu ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(), "none");
}

at::Tensor pointwise_add(const at::Tensor& x, const at::Tensor& other, const at::Tensor& weight,
                         const OptionalTensor& bias) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "binary")
                             .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                               const OptionalTensor&, std::string_view)>();
  return op.call(x, other, weight, bias, "add");
}

// [..., K] -> [rows, K]: two dimensions keep oneDNN off its slow batched path.
at::Tensor rows_of(const at::Tensor& x) { return x.contiguous().view({-1, x.size(-1)}); }

at::Tensor unflatten(const at::Tensor& y, const at::Tensor& x) {
  auto shape = x.sizes().vec();
  shape.back() = y.size(-1);
  return y.view(shape);
}

// y = x W^T + b; dx = dy W, dW = dy^T x, db = sum of dy over rows.
struct DenseLinear : torch::autograd::Function<DenseLinear> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const OptionalTensor& bias) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["bias"] = bias.has_value();
    return pointwise(x, weight, bias);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor dy = grads[0].contiguous();
    variable_list out(3);
    // In bfloat16 LibTorch's own products are oneDNN's already, and take transposed operands without a copy.
    const bool stock = dy.scalar_type() == at::kBFloat16;
    if (ctx->needs_input_grad(0)) out[0] = stock ? dy.mm(weight) : pointwise(dy, weight.t(), {});
    if (ctx->needs_input_grad(1)) out[1] = stock ? dy.t().mm(x) : pointwise(dy.t(), x.t(), {});
    if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)) out[2] = dy.sum(0);
    return out;
  }
};

// The weight is frozen: its row-major form serves the backward pass, its packed form the forward pass.
struct FrozenLinear : torch::autograd::Function<FrozenLinear> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& packed,
                            const OptionalTensor& bias, const at::Tensor& weight) {
    ctx->save_for_backward({weight});
    return pointwise(x, packed, bias);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor& dy = grads[0];
    const at::Tensor weight = ctx->get_saved_variables()[0].to(dy.scalar_type());
    return {dy.matmul(weight), {}, {}, {}};
  }
};

void refuse_grad(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& other = {}) {
  if (gradient_recorded(x, weight, bias, other))
    throw Error({.what = "the packed linear operator has no gradient, and one of its inputs requires one",
                 .mend = "call it under NoGradGuard, or use nn::linear"});
}

}  // namespace

bool onednn_takes(const at::Tensor& x) {
  if (!x.device().is_cpu() || x.numel() == 0 || x.dim() < 1 || x.layout() != at::kStrided) return false;
  if (x.scalar_type() == at::kFloat) return cpu_features().avx2;
  return x.scalar_type() == at::kBFloat16 && (cpu_features().avx512_bf16 || cpu_features().amx_bf16);
}

at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!c10::GradMode::is_enabled()) return unflatten(pointwise(rows_of(x), weight, optional(bias)), x);
  return unflatten(DenseLinear::apply(rows_of(x), weight, optional(bias)), x);
}

PackedLinear::Copy PackedLinear::ensure(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::lock_guard lock(mutex_);
  const WeightStamp stamp = stamp_of(weight), bias_stamp = stamp_of(bias);
  const bool same_type = copy_.weight.defined() && dtype_ == x.scalar_type();
  if (!same_type) require_contents(weight);
  const bool packed = same_type && (is_given_up(weight) || WeightStamp{source_, version_} == stamp);
  if (packed && KeepPackedOnly::active() && !is_given_up(weight)) give_up(weight);
  if (packed && WeightStamp{bias_source_, bias_version_} == bias_stamp) return copy_;
  // Made outside inference mode and without history: the copy may later serve a backward pass.
  const c10::InferenceMode no_inference(false);
  const at::NoGradGuard no_grad;
  if (!packed) {  // a bias that alone is trained changes at every step, and packing takes time
    copy_ = {};
    copy_.weight = reorder(weight.detach().to(x.scalar_type()).contiguous(), x.numel() / x.size(-1));
  }
  copy_.bias = bias.defined() ? bias.detach().to(x.scalar_type()) : at::Tensor();
  source_ = stamp.data;
  bias_source_ = bias_stamp.data;
  version_ = stamp.version;
  bias_version_ = bias_stamp.version;
  dtype_ = x.scalar_type();
  if (!packed && KeepPackedOnly::active()) give_up(weight);
  return copy_;
}

at::Tensor PackedLinear::forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Fuse fuse) {
  refuse_grad(x, weight, bias);
  const Copy copy = ensure(x, weight, bias);
  return unflatten(pointwise(rows_of(x), copy.weight, optional(copy.bias), fuse), x);
}

at::Tensor PackedLinear::forward_add(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                     const at::Tensor& other) {
  refuse_grad(x, weight, bias, other);
  const Copy copy = ensure(x, weight, bias);
  return unflatten(pointwise_add(rows_of(x), rows_of(other), copy.weight, optional(copy.bias)), x);
}

at::Tensor PackedLinear::forward_frozen(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (gradient_recorded(weight, bias)) {
    throw Error({.what = "the packed linear layer gives no gradient to its weight, and the weight requires one",
                 .mend = "use nn::linear for weights that are trained"});
  }
  const Copy copy = ensure(x, weight, bias);
  require_contents(weight);
  return unflatten(FrozenLinear::apply(rows_of(x), copy.weight, optional(copy.bias), weight), x);
}

int64_t PackedLinear::bytes() const {
  const std::lock_guard lock(mutex_);
  if (!copy_.weight.defined()) return 0;
  return copy_.weight.numel() * static_cast<int64_t>(copy_.weight.element_size()) +
         (copy_.bias.defined() ? static_cast<int64_t>(copy_.bias.nbytes()) : 0);
}

}  // namespace cambium::nn::kernels
