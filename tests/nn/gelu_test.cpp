#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/device.h"
#include "nn/activation.h"
#include "nn/kernels/elementwise.h"

namespace cambium::nn {
namespace {

// Every finite bfloat16 there is, against float64, within one rounding of the result.
TEST(Gelu, EveryBfloat16AndItsGradient) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  at::Tensor all = at::arange(0, 65536, at::kInt).to(at::kShort).view(at::kBFloat16);
  all = all.index({at::isfinite(all)}).contiguous();
  at::Tensor x = all.clone().set_requires_grad(true), xd = all.to(at::kDouble).set_requires_grad(true);
  ASSERT_TRUE(kernels::gelu_takes(x));
  const at::Tensor y = activate(x, Activation::gelu), expected = at::gelu(xd);
  // Half a unit in the last place is at most 2^-8 of the value; erf's own 1.5e-7 shows only in the far tails.
  const auto close = [](const at::Tensor& a, const at::Tensor& b) {
    return ((a.to(at::kDouble) - b).abs() <= b.abs() * 0.00391 + 2e-6).all().item<bool>();
  };
  EXPECT_TRUE(close(y.detach(), expected.detach()));
  // The derivative itself overflows nowhere: dy = 1.
  y.backward(at::ones_like(y));
  expected.backward(at::ones_like(expected));
  EXPECT_TRUE(close(x.grad(), xd.grad()));
}

TEST(Gelu, KeepsTheMemoryFormatAndPassesNan) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  const at::Tensor base = at::randn({2, 8, 5, 3}).to(at::kBFloat16);
  at::Tensor x = base.contiguous(at::MemoryFormat::ChannelsLast).set_requires_grad(true);
  const at::Tensor y = activate(x, Activation::gelu);
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  at::Tensor plain = base.clone().set_requires_grad(true);
  const at::Tensor dy = at::randn({2, 8, 5, 3}).to(at::kBFloat16);
  activate(plain, Activation::gelu).backward(dy);
  y.backward(dy);  // laid out otherwise than x
  EXPECT_TRUE(at::equal(x.grad(), plain.grad()));
  EXPECT_TRUE(at::isnan(activate(at::full({3}, NAN).to(at::kBFloat16), Activation::gelu)).all().item<bool>());
}

}  // namespace
}  // namespace cambium::nn
