#include "nn/kernels/packed_convolution.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/convolution.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "nn/gradient_recorded.h"

namespace cambium::nn::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<at::Tensor>;
using Scalars = c10::List<std::optional<at::Scalar>>;
using Words = std::optional<std::string_view>;

OptionalTensor optional(const at::Tensor& t) { return t.defined() ? OptionalTensor(t) : std::nullopt; }

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

at::Tensor reorder(const at::Tensor& weight, const ConvolutionShape& s, at::IntArrayRef input) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "")
                             .typed<at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef,
                                               int64_t, c10::OptionalArrayRef<int64_t>)>();
  return op.call(weight, {s.padding, s.padding}, {s.stride, s.stride}, {1, 1}, s.groups, input);
}

at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                     const ConvolutionShape& s) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const OptionalTensor&, at::IntArrayRef,
                            at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view, Scalars, Words)>();
  return op.call(x, weight, bias, {s.padding, s.padding}, {s.stride, s.stride}, {1, 1}, s.groups, "none", Scalars(),
                 "");
}

at::Tensor pointwise_add(const at::Tensor& x, const at::Tensor& other, const at::Tensor& weight,
                         const OptionalTensor& bias, const ConvolutionShape& s) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "binary")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const OptionalTensor&,
                            at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view,
                            std::optional<at::Scalar>, Words, Scalars, Words)>();
  return op.call(x, other, weight, bias, {s.padding, s.padding}, {s.stride, s.stride}, {1, 1}, s.groups, "add",
                 std::nullopt, std::nullopt, Scalars(), std::nullopt);
}

// The weight is frozen: its row-major form serves the backward pass, its packed form the forward pass.
struct FrozenConvolution : torch::autograd::Function<FrozenConvolution> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& packed,
                            const OptionalTensor& bias, const at::Tensor& weight, int64_t stride, int64_t padding,
                            int64_t groups) {
    ctx->save_for_backward({weight});
    ctx->saved_data["shape"] = std::vector<int64_t>{stride, padding, groups, x.size(2), x.size(3)};
    return pointwise(x, packed, bias, {.stride = stride, .padding = padding, .groups = groups});
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor dy = channels_last(grads[0]);
    const at::Tensor weight = ctx->get_saved_variables()[0].to(dy.scalar_type());
    const auto shape = ctx->saved_data["shape"].toIntVector();
    const int64_t stride = shape[0], padding = shape[1];
    // The adjoint is the transposed convolution; where a stride left pixels over, they are the output's padding.
    const auto left = [&](int64_t input, int64_t output, int64_t kernel) {
      return input - ((output - 1) * stride - 2 * padding + kernel);
    };
    const std::vector<int64_t> rest = {left(shape[3], dy.size(2), weight.size(2)),
                                       left(shape[4], dy.size(3), weight.size(3))};
    const at::Tensor dx = at::convolution(dy, weight, {}, {stride, stride}, {padding, padding}, {1, 1},
                                          /*transposed=*/true, rest, shape[2]);
    return {dx, {}, {}, {}, {}, {}, {}};
  }
};

template <class... Tensors>
void refuse_grad(const Tensors&... tensors) {
  if (gradient_recorded(tensors...))
    throw Error({.what = "the packed convolution has no gradient, and one of its inputs requires one",
                 .mend = "call it under NoGradGuard, or use nn::convolve"});
}

}  // namespace

PackedConvolution::Copy PackedConvolution::ensure(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                                  const ConvolutionShape& shape) {
  const std::lock_guard lock(mutex_);
  const WeightStamp weight_stamp = stamp_of(weight), bias_stamp = stamp_of(bias);
  const bool same_type = copy_.weight.defined() && dtype_ == x.scalar_type();
  if (!same_type) require_contents(weight);
  const bool packed = same_type && (is_given_up(weight) || weight_stamp == weight_stamp_);
  if (packed && KeepPackedOnly::active() && !is_given_up(weight)) give_up(weight);
  if (packed && bias_stamp == bias_stamp_) return copy_;
  // Made outside inference mode and without history: the copy may later serve a backward pass.
  const c10::InferenceMode no_inference(false);
  const at::NoGradGuard no_grad;
  if (!packed) {
    copy_ = {};
    copy_.weight = reorder(weight.detach().to(x.scalar_type()).contiguous(), shape, x.sizes());
  }
  copy_.bias = bias.defined() ? bias.detach().to(x.scalar_type()) : at::Tensor();
  weight_stamp_ = weight_stamp;
  bias_stamp_ = bias_stamp;
  dtype_ = x.scalar_type();
  if (!packed && KeepPackedOnly::active()) give_up(weight);
  return copy_;
}

at::Tensor PackedConvolution::forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                      const ConvolutionShape& shape) {
  refuse_grad(x, weight, bias);
  const Copy copy = ensure(x, weight, bias, shape);
  return pointwise(channels_last(x), copy.weight, optional(copy.bias), shape);
}

at::Tensor PackedConvolution::forward_add(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                          const ConvolutionShape& shape, const at::Tensor& other) {
  refuse_grad(x, weight, bias, other);
  const Copy copy = ensure(x, weight, bias, shape);
  return pointwise_add(channels_last(x), channels_last(other), copy.weight, optional(copy.bias), shape);
}

at::Tensor PackedConvolution::forward_frozen(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                             const ConvolutionShape& shape) {
  refuse_grad(weight, bias);
  const Copy copy = ensure(x, weight, bias, shape);
  require_contents(weight);
  return FrozenConvolution::apply(channels_last(x), copy.weight, optional(copy.bias), weight, shape.stride,
                                  shape.padding, shape.groups);
}

int64_t PackedConvolution::bytes() const {
  const std::lock_guard lock(mutex_);
  if (!copy_.weight.defined()) return 0;
  return copy_.weight.numel() * static_cast<int64_t>(copy_.weight.element_size()) +
         (copy_.bias.defined() ? static_cast<int64_t>(copy_.bias.nbytes()) : 0);
}

}  // namespace cambium::nn::kernels
