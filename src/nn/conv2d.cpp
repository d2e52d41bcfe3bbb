#include "nn/conv2d.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

#include "nn/gradient_recorded.h"
#include "nn/initialize.h"
#include "nn/linear.h"

namespace cambium::nn {
namespace {

at::Tensor cast(const at::Tensor& t, const at::Tensor& like) { return t.defined() ? t.to(like.scalar_type()) : t; }

// One product over the pixels.
bool is_product(const Conv2dOptions& o) { return o.kernel == 1 && o.stride == 1 && o.groups == 1 && o.padding == 0; }

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Conv2dOptions& o) {
  kernels::require_contents(weight);
  if (is_product(o)) {
    // The pixels are rows in channels-last order.
    return linear(x.permute({0, 2, 3, 1}), weight.flatten(1), bias).permute({0, 3, 1, 2});
  }
  return at::conv2d(x.contiguous(at::MemoryFormat::ChannelsLast), cast(weight, x), cast(bias, x), o.stride, o.padding,
                    /*dilation=*/1, o.groups);
}

Conv2d::Conv2d(const Conv2dOptions& options) : options_(options) {
  weight = register_parameter("weight",
                              at::empty({options.out, options.in / options.groups, options.kernel, options.kernel}));
  if (options.bias) bias = register_parameter("bias", at::empty({options.out}));
}

void Conv2d::initialize(at::Generator& generator) {
  initialize_uniform(weight, bias, weight.numel() / weight.size(0), generator);
}

at::Tensor Conv2d::packed_product(const at::Tensor& x, const at::Tensor& residual) const {
  const at::Tensor rows = x.permute({0, 2, 3, 1}), matrix = weight.flatten(1);
  const at::Tensor y = residual.defined() ? product_->forward_add(rows, matrix, bias, residual.permute({0, 2, 3, 1}))
                       : gradient_recorded(x)
                           ? product_->forward_frozen(rows, matrix, bias)
                           : product_->forward(rows, matrix, bias, kernels::Fuse::none);  // [B, H, W, out]
  // What the packed copy gave up was a view of the weight.
  if (kernels::is_given_up(matrix) && !kernels::is_given_up(weight)) kernels::give_up(weight);
  return y.permute({0, 3, 1, 2});
}

at::Tensor Conv2d::packed(const at::Tensor& x, const at::Tensor& residual) const {
  if (is_product(options_)) return packed_product(x, residual);
  const kernels::ConvolutionShape shape{
      .stride = options_.stride, .padding = options_.padding, .groups = options_.groups};
  if (residual.defined()) return convolution_->forward_add(x, weight, bias, shape, residual);
  return gradient_recorded(x) ? convolution_->forward_frozen(x, weight, bias, shape)
                              : convolution_->forward(x, weight, bias, shape);
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  if (!kernels::onednn_takes(x) || gradient_recorded(weight, bias)) return convolve(x, weight, bias, options_);
  return packed(x, {});
}

at::Tensor Conv2d::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  const bool fuses = kernels::onednn_takes(x) && residual.scalar_type() == x.scalar_type() &&
                     !gradient_recorded(x, weight, bias, residual);
  return fuses ? packed(x, residual) : forward(x) + residual;
}

at::Tensor pixel_rows(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

at::Tensor rows_to_pixels(const at::Tensor& rows, int64_t height, int64_t width) {
  return rows.view({rows.size(0), height, width, rows.size(2)}).permute({0, 3, 1, 2});
}

}  // namespace cambium::nn
