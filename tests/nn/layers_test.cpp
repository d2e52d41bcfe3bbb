#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/device.h"
#include "core/error.h"
#include "core/random.h"
#include "nn/attention.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "support/gaussian.h"

namespace cambium::nn {
namespace {

using test::gaussian;

std::shared_ptr<Linear> filled(const LinearOptions& options, uint64_t seed) {
  auto layer = std::make_shared<Linear>(options);
  const at::NoGradGuard no_grad;
  layer->weight.copy_(gaussian({options.out, options.in}, seed) * 0.1);
  if (options.bias) layer->bias.copy_(gaussian({options.out}, seed + 1));
  return layer;
}

at::Tensor grad_of(const at::Tensor& t) { return t.grad().defined() ? t.grad().clone() : at::Tensor(); }

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).norm() / b.to(at::kDouble).norm()).item<double>();
}

// bfloat16 has 8 bits: 2^-9 = 0.002 per rounding.
double tolerance(c10::ScalarType dtype) { return dtype == at::kBFloat16 ? 1e-2 : 1e-5; }

class LayerDtype : public testing::TestWithParam<c10::ScalarType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kBFloat16 && !cpu_features().avx512_bf16 && !cpu_features().amx_bf16) {
      GTEST_SKIP() << "this CPU does not multiply bfloat16";
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Dtypes, LayerDtype, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return info.param == at::kFloat ? "f32" : "bf16"; });

TEST_P(LayerDtype, LinearAgreesWithF64ForwardAndBackward) {
  const auto layer = filled({.in = 24, .out = 40}, 1);
  const at::Tensor x = gaussian({3, 5, 24}, 7);
  at::Tensor xd = x.to(at::kDouble).set_requires_grad(true);
  const at::Tensor wd = layer->weight.detach().to(at::kDouble).set_requires_grad(true);
  const at::Tensor bd = layer->bias.detach().to(at::kDouble).set_requires_grad(true);
  const at::Tensor expected = at::linear(xd, wd, bd);
  const at::Tensor dy = gaussian({3, 5, 40}, 9);
  expected.backward(dy.to(at::kDouble));

  at::Tensor xs = x.clone().to(GetParam()).set_requires_grad(true);
  const at::Tensor y = layer->forward(xs);
  EXPECT_EQ(y.scalar_type(), GetParam());
  y.backward(dy.to(GetParam()));
  const double tol = tolerance(GetParam());
  EXPECT_LT(relative(y, expected), tol);
  EXPECT_LT(relative(xs.grad(), xd.grad()), tol);
  EXPECT_LT(relative(layer->weight.grad(), wd.grad()), tol);
  EXPECT_LT(relative(layer->bias.grad(), bd.grad()), tol);
  EXPECT_EQ(layer->weight.grad().scalar_type(), at::kFloat);  // masters stay float32
}

TEST_P(LayerDtype, LinearTakesNonContiguousInputs) {
  const auto layer = filled({.in = 6, .out = 4}, 1);
  const at::Tensor x = gaussian({6, 3, 5}, 7).to(GetParam()).permute({2, 1, 0});  // [5, 3, 6]
  EXPECT_LT(relative(layer->forward(x),
                     at::linear(x.to(at::kDouble), layer->weight.to(at::kDouble), layer->bias.to(at::kDouble))),
            tolerance(GetParam()));
}

TEST_P(LayerDtype, FrozenLinearPassesTheGradientToItsInput) {
  const auto layer = filled({.in = 24, .out = 40}, 1);
  for (at::Tensor& p : layer->parameters()) p.set_requires_grad(false);
  const at::Tensor x = gaussian({3, 5, 24}, 7), dy = gaussian({3, 5, 40}, 9);
  at::Tensor xs = x.clone().to(GetParam()).set_requires_grad(true);
  layer->forward(xs, Activation::gelu).backward(dy.to(GetParam()));

  at::Tensor xd = x.to(at::kDouble).set_requires_grad(true);
  at::gelu(at::linear(xd, layer->weight.to(at::kDouble), layer->bias.to(at::kDouble))).backward(dy.to(at::kDouble));
  EXPECT_LT(relative(xs.grad(), xd.grad()), tolerance(GetParam()));
  EXPECT_FALSE(layer->weight.grad().defined());
  EXPECT_GT(layer->packed_bytes(), 0);
}

TEST_P(LayerDtype, FusedFormsAgreeWithPlainOnes) {
  const auto layer = filled({.in = 24, .out = 40}, 1);
  const at::Tensor x = gaussian({3, 5, 24}, 7).to(GetParam()), other = gaussian({3, 5, 40}, 8).to(GetParam());
  const at::Tensor plain =
      at::linear(x.to(at::kDouble), layer->weight.to(at::kDouble), layer->bias.to(at::kDouble)).detach();
  const at::NoGradGuard no_grad;
  const double tol = tolerance(GetParam());
  EXPECT_LT(relative(layer->forward(x), plain), tol);
  EXPECT_LT(relative(layer->forward(x, Activation::gelu), at::gelu(plain)), tol);
  EXPECT_LT(relative(layer->forward(x, Activation::quick_gelu), plain * at::sigmoid(1.702 * plain)), tol);
  EXPECT_LT(relative(layer->forward_add(x, other), plain + other.to(at::kDouble)), tol);
  EXPECT_GT(layer->packed_bytes(), 0);
}

TEST(Linear, PackedCopyFollowsTheWeight) {
  const auto layer = filled({.in = 8, .out = 8}, 1);
  const at::Tensor x = gaussian({4, 8}, 3);
  const at::NoGradGuard no_grad;
  const at::Tensor before = layer->forward(x).clone();
  layer->weight.mul_(2);  // in place, as an optimizer does
  layer->bias.mul_(2);
  EXPECT_LT(relative(layer->forward(x), before * 2), 1e-5);
  layer->weight.set_data(layer->weight.detach() * 3);  // replaced, as loading does
  layer->bias.set_data(layer->bias.detach() * 3);
  EXPECT_LT(relative(layer->forward(x), before * 6), 1e-5);
}

TEST(Linear, PackedCopyMadeInInferenceModeServesTraining) {
  const auto layer = filled({.in = 8, .out = 8}, 1);
  for (at::Tensor& p : layer->parameters()) p.set_requires_grad(false);
  const at::Tensor x = gaussian({4, 8}, 3);
  {
    const c10::InferenceMode mode;
    layer->forward(x);
  }
  at::Tensor xs = x.clone().set_requires_grad(true);
  layer->forward(xs).sum().backward();
  EXPECT_LT(relative(xs.grad(), layer->weight.sum(0).expand({4, 8})), 1e-5);
}

TEST(PackedLinear, RefusesToDropAGradient) {
  kernels::PackedLinear packed;
  const at::Tensor weight = gaussian({4, 8}, 1);
  const at::Tensor x = gaussian({2, 8}, 2).set_requires_grad(true);
  EXPECT_THROW(packed.forward(x, weight, {}, kernels::Fuse::none), Error);
  EXPECT_THROW(packed.forward_add(x, weight, {}, gaussian({2, 4}, 3)), Error);
  const at::Tensor trained = weight.clone().set_requires_grad(true);
  EXPECT_THROW(packed.forward_frozen(x, trained, {}), Error);
  const at::NoGradGuard no_grad;
  EXPECT_NO_THROW(packed.forward(x, weight, {}, kernels::Fuse::none));
}

TEST(Linear, AddsItsDelta) {
  struct Twice : LinearDelta {
    at::Tensor forward(const at::Tensor& x) const override { return x * 2; }
  };
  const auto layer = filled({.in = 8, .out = 8}, 1);
  const at::Tensor x = gaussian({4, 8}, 3), other = gaussian({4, 8}, 4);
  const at::NoGradGuard no_grad;
  const at::Tensor plain = layer->forward(x).clone();
  layer->set_delta(std::make_shared<Twice>());
  EXPECT_LT(relative(layer->forward(x), plain + 2 * x), 1e-5);
  EXPECT_LT(relative(layer->forward(x, Activation::gelu), at::gelu(plain + 2 * x)), 1e-5);
  EXPECT_LT(relative(layer->forward_add(x, other), plain + 2 * x + other), 1e-5);
}

TEST_P(LayerDtype, LayerNormComputesInF32) {
  LayerNorm norm({.width = 32});
  const at::NoGradGuard no_grad;
  norm.weight.copy_(gaussian({32}, 1));
  norm.bias.copy_(gaussian({32}, 2));
  const at::Tensor x = (gaussian({4, 32}, 3) + 5).to(GetParam());
  const at::Tensor y = norm.forward(x);
  EXPECT_EQ(y.scalar_type(), GetParam());
  const at::Tensor expected =
      at::layer_norm(x.to(at::kDouble), {32}, norm.weight.to(at::kDouble), norm.bias.to(at::kDouble), 1e-5);
  EXPECT_LT(relative(y, expected), GetParam() == at::kBFloat16 ? 3e-3 : 1e-5);
}

std::shared_ptr<SelfAttention> filled_attention(bool causal, SelfAttentionOptions::Names names) {
  auto layer =
      std::make_shared<SelfAttention>(SelfAttentionOptions{.width = 16, .heads = 4, .causal = causal, .names = names});
  const at::NoGradGuard no_grad;
  uint64_t seed = 20;
  for (at::Tensor& p : layer->parameters()) p.copy_(gaussian(p.sizes(), seed++) * 0.3);
  return layer;
}

// Written out, in double.
at::Tensor reference_attention(const SelfAttention& layer, const at::Tensor& x) {
  const auto d = [](const at::Tensor& t) { return t.detach().to(at::kDouble); };
  const int64_t heads = layer.options().heads, tokens = x.size(1);
  const auto qkv = at::linear(d(x), d(layer.qkv()->weight), d(layer.qkv()->bias)).chunk(3, 2);
  const auto split = [&](const at::Tensor& t) { return t.view({x.size(0), tokens, heads, -1}).transpose(1, 2); };
  at::Tensor scores = split(qkv[0]).matmul(split(qkv[1]).transpose(2, 3)) / std::sqrt(16.0 / 4);
  if (layer.options().causal) scores = scores.masked_fill(at::ones({tokens, tokens}, at::kBool).triu(1), -INFINITY);
  const at::Tensor mixed = scores.softmax(-1).matmul(split(qkv[2])).transpose(1, 2).reshape({x.size(0), tokens, 16});
  return at::linear(mixed, d(layer.proj()->weight), d(layer.proj()->bias));
}

TEST(SelfAttention, AgreesWithTheFormula) {
  for (const bool causal : {false, true}) {
    const auto layer = filled_attention(causal, SelfAttentionOptions::Names::timm);
    const at::Tensor x = gaussian({2, 7, 16}, 5), expected = reference_attention(*layer, x);
    EXPECT_LT(relative(layer->forward(x), expected), 1e-5);
    EXPECT_LT(relative(layer->forward_add(x, x), expected + x), 1e-5);
  }
}

TEST(SelfAttention, OnePositionEqualsThatRowOfTheWhole) {
  for (const bool causal : {false, true}) {
    const auto layer = filled_attention(causal, SelfAttentionOptions::Names::torch);
    const at::Tensor x = gaussian({3, 7, 16}, 5), whole = reference_attention(*layer, x);
    EXPECT_LT(relative(layer->forward_at(x, {}), whole.narrow(1, 0, 1)), 1e-5);
    const at::Tensor positions = at::tensor({6, 0, 3}, at::kLong);
    EXPECT_LT(relative(layer->forward_at(x, positions), select_positions(whole, positions)), 1e-5);
  }
}

TEST(SelfAttention, OnePositionHasTheSameGradients) {
  const auto layer = filled_attention(true, SelfAttentionOptions::Names::torch);
  const at::Tensor positions = at::tensor({6, 0, 3}, at::kLong);
  at::Tensor a = gaussian({3, 7, 16}, 5).set_requires_grad(true), b = a.detach().clone().set_requires_grad(true);
  select_positions(layer->forward(a), positions).square().sum().backward();
  const at::Tensor expected = grad_of(layer->qkv()->weight);
  layer->zero_grad();
  layer->forward_at(b, positions).square().sum().backward();
  EXPECT_LT(relative(b.grad(), a.grad()), 1e-5);
  EXPECT_LT(relative(layer->qkv()->weight.grad(), expected), 1e-5);
}

TEST(SelfAttention, RegistersTheCheckpointsNames) {
  const auto keys = [](const torch::nn::Module& m) {
    std::vector<std::string> out;
    for (const auto& item : m.named_parameters()) out.push_back(item.key());
    return out;
  };
  EXPECT_EQ(keys(*filled_attention(false, SelfAttentionOptions::Names::timm)),
            (std::vector<std::string>{"qkv.weight", "qkv.bias", "proj.weight", "proj.bias"}));
  EXPECT_EQ(keys(*filled_attention(false, SelfAttentionOptions::Names::torch)),
            (std::vector<std::string>{"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}));
  EXPECT_THROW(SelfAttention({.width = 10, .heads = 4}), UsageError);
}

TEST(Mlp, ChecksItsSizes) { EXPECT_THROW(Mlp({.width = 0, .hidden = 4}), UsageError); }

TEST(Activation, NamesRoundTrip) {
  for (const auto activation : {Activation::gelu, Activation::quick_gelu}) {
    EXPECT_EQ(parse_activation(to_string(activation)), activation);
  }
  EXPECT_THROW(parse_activation("relu"), UsageError);
}

}  // namespace
}  // namespace cambium::nn
