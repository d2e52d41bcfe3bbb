#include "nn/conv2d.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

#include "nn/initialize.h"
#include "nn/linear.h"

namespace cambium::nn {
namespace {

at::Tensor cast(const at::Tensor& t, const at::Tensor& like) { return t.defined() ? t.to(like.scalar_type()) : t; }

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Conv2dOptions& o) {
  if (o.kernel == 1 && o.stride == 1 && o.groups == 1 && o.padding == 0) {
    // One product over the pixels, which are rows in channels-last order.
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

at::Tensor pixel_rows(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

at::Tensor rows_to_pixels(const at::Tensor& rows, int64_t height, int64_t width) {
  return rows.view({rows.size(0), height, width, rows.size(2)}).permute({0, 3, 1, 2});
}

}  // namespace cambium::nn
