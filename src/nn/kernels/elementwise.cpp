#include "nn/kernels/elementwise.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/device.h"
#include "core/parallel.h"
#include "nn/gradient_recorded.h"
#include "nn/kernels/geglu_kernel.h"
#include "nn/kernels/gelu_kernel.h"

namespace cambium::nn::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 1 << 14;

at::Tensor forward_values(const at::Tensor& x) {
  at::Tensor y = at::empty_like(x);  // keeps the memory format, so both are walked in memory order
  const auto* in = static_cast<const uint16_t*>(x.const_data_ptr());
  auto* out = static_cast<uint16_t*>(y.mutable_data_ptr());
  parallel_for(0, x.numel(), kGrain,
               [&](int64_t begin, int64_t end) { gelu_forward(in + begin, out + begin, end - begin); });
  return y;
}

struct Gelu : torch::autograd::Function<Gelu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    ctx->save_for_backward({x});
    return forward_values(x);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor x = ctx->get_saved_variables()[0];
    at::Tensor dx = at::empty_like(x), dy = grads[0];
    if (dy.strides() != x.strides()) dy = at::empty_like(x).copy_(dy);
    const auto* in = static_cast<const uint16_t*>(x.const_data_ptr());
    const auto* grad = static_cast<const uint16_t*>(dy.const_data_ptr());
    auto* out = static_cast<uint16_t*>(dx.mutable_data_ptr());
    parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
      gelu_backward(in + begin, grad + begin, out + begin, end - begin);
    });
    return {dx};
  }
};

// work(first row, rows, width) over all rows of x [rows, 2 width], on all threads.
template <class Work>
void for_rows(const at::Tensor& x, const Work& work) {
  const int64_t width = x.size(-1) / 2, rows = x.numel() / x.size(-1);
  parallel_for(0, rows, std::max<int64_t>(1, kGrain / width),
               [&](int64_t begin, int64_t end) { work(begin, end - begin, width); });
}

template <class T>
void geglu_values(const at::Tensor& x, const at::Tensor& y) {
  const auto* in = static_cast<const T*>(x.const_data_ptr());
  auto* out = static_cast<T*>(y.mutable_data_ptr());
  for_rows(x, [&](int64_t first, int64_t rows, int64_t width) {
    geglu_forward(in + first * 2 * width, out + first * width, rows, width);
  });
}

template <class T>
void geglu_gradient(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& dx) {
  const auto* in = static_cast<const T*>(x.const_data_ptr());
  const auto* grad = static_cast<const T*>(dy.const_data_ptr());
  auto* out = static_cast<T*>(dx.mutable_data_ptr());
  for_rows(x, [&](int64_t first, int64_t rows, int64_t width) {
    geglu_backward(in + first * 2 * width, grad + first * width, out + first * 2 * width, rows, width);
  });
}

at::Tensor geglu_forward_values(const at::Tensor& x) {
  auto shape = x.sizes().vec();
  shape.back() /= 2;
  const at::Tensor y = at::empty(shape, x.options());
  x.scalar_type() == at::kFloat ? geglu_values<float>(x, y) : geglu_values<uint16_t>(x, y);
  return y;
}

struct Geglu : torch::autograd::Function<Geglu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    ctx->save_for_backward({x});
    return geglu_forward_values(x);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor x = ctx->get_saved_variables()[0], dy = grads[0].contiguous(), dx = at::empty_like(x);
    x.scalar_type() == at::kFloat ? geglu_gradient<float>(x, dy, dx) : geglu_gradient<uint16_t>(x, dy, dx);
    return {dx};
  }
};

}  // namespace

bool gelu_takes(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kBFloat16 && x.is_non_overlapping_and_dense() &&
         cpu_features().avx512_bf16;
}

at::Tensor gelu(const at::Tensor& x) { return gradient_recorded(x) ? Gelu::apply(x) : forward_values(x); }

bool geglu_takes(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.is_contiguous() &&
         x.numel() > 0;
}

at::Tensor geglu(const at::Tensor& x) { return gradient_recorded(x) ? Geglu::apply(x) : geglu_forward_values(x); }

}  // namespace cambium::nn::kernels
