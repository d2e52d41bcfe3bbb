// The layers of latent diffusion's networks against their formulas in double precision.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "core/device.h"
#include "core/error.h"
#include "core/random.h"
#include "nn/conv2d.h"
#include "nn/cross_attention.h"
#include "nn/embedding.h"
#include "nn/feed_forward.h"
#include "nn/group_norm.h"
#include "nn/initialize.h"
#include "nn/kernels/packed_convolution.h"
#include "nn/kernels/weight_stamp.h"
#include "nn/module_path.h"
#include "nn/timestep_embedding.h"
#include "support/gaussian.h"

namespace cambium::nn {
namespace {

using test::gaussian;

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).norm() / b.to(at::kDouble).norm()).item<double>();
}

at::Tensor d(const at::Tensor& t) { return t.detach().to(at::kDouble); }

void fill(torch::nn::Module& module, double scale = 0.3) {
  const at::NoGradGuard no_grad;
  uint64_t seed = 100;
  for (at::Tensor& p : module.parameters()) p.copy_(gaussian(p.sizes(), seed++) * scale);
}

bool multiplies_bf16() { return cpu_features().avx512_bf16 || cpu_features().amx_bf16; }

// bfloat16 has 8 bits: 2^-9 = 0.002 per rounding.
double tolerance(at::ScalarType dtype) { return dtype == at::kBFloat16 ? 1e-2 : 1e-5; }

std::vector<at::ScalarType> dtypes() {
  return multiplies_bf16() ? std::vector{at::kFloat, at::kBFloat16} : std::vector{at::kFloat};
}

std::vector<std::string> names(const torch::nn::Module& m) {
  std::vector<std::string> out;
  for (const auto& item : m.named_parameters()) out.push_back(item.key());
  return out;
}

TEST(TimestepEmbedding, CosinesComeFirst) {
  const at::Tensor e = sinusoidal_embedding(at::tensor({0.0, 2.5}), 6);
  EXPECT_TRUE(at::allclose(e[0], at::tensor({1.0f, 1.0f, 1.0f, 0.0f, 0.0f, 0.0f})));
  for (int64_t i = 0; i < 3; ++i) {
    const double angle = 2.5 * std::pow(10000.0, -static_cast<double>(i) / 3);
    EXPECT_NEAR(e[1][i].item<double>(), std::cos(angle), 1e-6);
    EXPECT_NEAR(e[1][i + 3].item<double>(), std::sin(angle), 1e-6);
  }
  EXPECT_THROW(sinusoidal_embedding(at::zeros({1}), 5), Error);
}

TEST(TimestepEmbedding, IsTwoLinearLayersAroundSiLU) {
  TimestepEmbedding layer({.in = 6, .hidden = 10, .out = 4});
  fill(layer);
  const at::Tensor x = gaussian({3, 6}, 1);
  const auto& [first, second] = std::pair(layer.linear_1(), layer.linear_2());
  const at::Tensor expected =
      at::linear(at::silu(at::linear(d(x), d(first->weight), d(first->bias))), d(second->weight), d(second->bias));
  EXPECT_LT(relative(layer.forward(x), expected), 1e-5);
}

TEST(GroupNorm, AgreesWithF64InEveryMemoryFormat) {
  GroupNorm norm({.groups = 4, .channels = 24, .eps = 1e-5});
  fill(norm);
  for (const auto dtype : dtypes()) {
    const at::Tensor image = (gaussian({2, 24, 5, 7}, 1) * 3 + 2).to(dtype);
    for (const at::Tensor& x :
         {image, image.contiguous(at::MemoryFormat::ChannelsLast), image.unsqueeze(2).expand({2, 24, 3, 5, 7})}) {
      const at::Tensor expected = at::group_norm(d(x), 4, d(norm.weight), d(norm.bias), 1e-5);
      const at::Tensor y = norm.forward(x);
      EXPECT_EQ(y.scalar_type(), dtype);
      EXPECT_LT(relative(y, expected), tolerance(dtype));
      EXPECT_LT(relative(norm.forward_silu(x), at::silu(expected)), tolerance(dtype));
      const at::NoGradGuard no_grad;
      EXPECT_LT(relative(norm.forward(x), expected), tolerance(dtype));
      EXPECT_LT(relative(norm.forward_silu(x), at::silu(expected)), tolerance(dtype));
    }
  }
  EXPECT_THROW(GroupNorm({.groups = 5, .channels = 24}), UsageError);
}

TEST(GroupNorm, AddsPerChannelBeforeNormalising) {
  GroupNorm norm({.groups = 4, .channels = 24});
  fill(norm);
  const at::Tensor x = gaussian({2, 24, 5, 7}, 1).contiguous(at::MemoryFormat::ChannelsLast),
                   added = gaussian({2, 24}, 2);
  const at::Tensor expected =
      at::silu(at::group_norm(d(x) + d(added).view({2, 24, 1, 1}), 4, d(norm.weight), d(norm.bias), 1e-5));
  EXPECT_LT(relative(norm.forward_silu(x, added), expected), 1e-5);
  const at::NoGradGuard no_grad;
  EXPECT_LT(relative(norm.forward_silu(x, added), expected), 1e-5);
}

TEST(GroupNorm, TheFusedFormHasTheSameBitsForAnyNumberOfThreads) {
  GroupNorm norm({.groups = 4, .channels = 64});
  fill(norm);
  const at::NoGradGuard no_grad;
  const at::Tensor x = gaussian({2, 64, 40, 41}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  const int threads = at::get_num_threads();
  const at::Tensor y = norm.forward_silu(x);
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(norm.forward_silu(x), y));
  at::set_num_threads(threads);
  EXPECT_LT(relative(y, at::silu(at::group_norm(d(x), 4, d(norm.weight), d(norm.bias), 1e-5))), 1e-5);
}

TEST(GroupNorm, GradientsAgreeWithF64) {
  for (const auto dtype : dtypes()) {
    GroupNorm norm({.groups = 4, .channels = 24});
    fill(norm);
    const at::Tensor x = gaussian({2, 24, 5, 7}, 1).contiguous(at::MemoryFormat::ChannelsLast),
                     dy = gaussian({2, 24, 5, 7}, 2);
    at::Tensor xs = x.to(dtype).requires_grad_(true), xd = d(x).requires_grad_(true);
    const at::Tensor wd = d(norm.weight).requires_grad_(true), bd = d(norm.bias).requires_grad_(true);
    norm.forward_silu(xs).backward(dy.to(dtype));
    at::silu(at::group_norm(xd, 4, wd, bd, 1e-5)).backward(d(dy));
    EXPECT_LT(relative(xs.grad(), xd.grad()), tolerance(dtype));
    EXPECT_LT(relative(norm.weight.grad(), wd.grad()), tolerance(dtype));
    EXPECT_LT(relative(norm.bias.grad(), bd.grad()), tolerance(dtype));
  }
}

// Behind frozen layers the input wants no gradient: LibTorch's channels-last kernel crashed there.
TEST(GroupNorm, GivesItsOwnGradientsAloneBehindFrozenLayers) {
  GroupNorm norm({.groups = 32, .channels = 64});
  fill(norm);
  const at::Tensor x = gaussian({2, 64, 5, 64}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor wd = d(norm.weight).requires_grad_(true), bd = d(norm.bias).requires_grad_(true);
  const at::Tensor y = norm.forward(x);
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  y.square().sum().backward();
  at::group_norm(d(x).contiguous(), 32, wd, bd, 1e-5).square().sum().backward();
  EXPECT_LT(relative(norm.weight.grad(), wd.grad()), 1e-5);
  EXPECT_LT(relative(norm.bias.grad(), bd.grad()), 1e-5);
}

TEST(FeedForward, TheValueComesFirstAndTheGateIsExactGelu) {
  FeedForward layer({.width = 6, .out = 4});
  fill(layer);
  EXPECT_EQ(names(layer),
            (std::vector<std::string>{"net.0.proj.weight", "net.0.proj.bias", "net.2.weight", "net.2.bias"}));
  const at::Tensor x = gaussian({2, 3, 6}, 1), other = gaussian({2, 3, 4}, 2);
  const auto parts = at::linear(d(x), d(layer.first()->weight), d(layer.first()->bias)).chunk(2, -1);
  const at::Tensor expected =
      at::linear(parts[0] * at::gelu(parts[1]), d(layer.second()->weight), d(layer.second()->bias));
  for (const auto dtype : dtypes()) {
    EXPECT_LT(relative(layer.forward(x.to(dtype)), expected), 2 * tolerance(dtype));
    const at::NoGradGuard no_grad;
    EXPECT_LT(relative(layer.forward(x.to(dtype)), expected), 2 * tolerance(dtype));
    EXPECT_LT(relative(layer.forward_add(x.to(dtype), other.to(dtype)), expected + d(other)), 2 * tolerance(dtype));
  }
}

TEST(FeedForward, GradientsAgreeWithF64) {
  for (const auto dtype : dtypes()) {
    FeedForward layer({.width = 6});
    fill(layer);
    at::Tensor xs = gaussian({2, 9, 6}, 1).to(dtype).requires_grad_(true), xd = d(xs).requires_grad_(true);
    const at::Tensor dy = gaussian({2, 9, 6}, 2);
    layer.forward(xs).backward(dy.to(dtype));
    const auto parts = at::linear(xd, d(layer.first()->weight), d(layer.first()->bias)).chunk(2, -1);
    at::linear(parts[0] * at::gelu(parts[1]), d(layer.second()->weight), d(layer.second()->bias)).backward(d(dy));
    EXPECT_LT(relative(xs.grad(), xd.grad()), 2 * tolerance(dtype));
  }
}

// Written out, in double. context [N, L, E]
at::Tensor reference_attention(const Attention& layer, const at::Tensor& x, const at::Tensor& context) {
  const int64_t heads = layer.options().heads, width = layer.options().width;
  const auto split = [&](const at::Tensor& t) { return t.view({t.size(0), t.size(1), heads, -1}).transpose(1, 2); };
  const at::Tensor q = split(at::linear(d(x), d(layer.to_q()->weight))),
                   k = split(at::linear(d(context), d(layer.to_k()->weight))),
                   v = split(at::linear(d(context), d(layer.to_v()->weight)));
  const at::Tensor scores = q.matmul(k.transpose(2, 3)) / std::sqrt(static_cast<double>(width / heads));
  const at::Tensor mixed = scores.softmax(-1).matmul(v).transpose(1, 2).reshape({x.size(0), x.size(1), width});
  return at::linear(mixed, d(layer.to_out()->weight), d(layer.to_out()->bias));
}

TEST(CrossAttention, AgreesWithTheFormula) {
  Attention self({.width = 16, .heads = 2}), cross({.width = 16, .heads = 2, .context_width = 10});
  fill(self);
  fill(cross);
  EXPECT_EQ(names(cross), (std::vector<std::string>{"to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight",
                                                    "to_out.0.bias"}));
  const at::Tensor x = gaussian({2, 7, 16}, 1), context = gaussian({2, 5, 10}, 2), other = gaussian({2, 7, 16}, 3);
  const at::Tensor to_self = reference_attention(self, x, x), to_context = reference_attention(cross, x, context);
  for (const auto dtype : dtypes()) {
    const double tol = 2 * tolerance(dtype);
    const auto check = [&] {
      EXPECT_LT(relative(self.forward(x.to(dtype)), to_self), tol);
      EXPECT_LT(relative(self.forward_add(x.to(dtype), other.to(dtype)), to_self + d(other)), tol);
      EXPECT_LT(relative(cross.forward(x.to(dtype), context.to(dtype)), to_context), tol);
      EXPECT_LT(relative(cross.forward_add(x.to(dtype), other.to(dtype), cross.project(context.to(dtype))),
                         to_context + d(other)),
                tol);
    };
    check();
    const at::NoGradGuard no_grad;
    check();
  }
  EXPECT_THROW(Attention({.width = 10, .heads = 4}), UsageError);
}

TEST(CrossAttention, ARowOfContextServesTheRowsThatFollowEachOther) {
  Attention layer({.width = 16, .heads = 2, .context_width = 10});
  fill(layer);
  const at::Tensor x = gaussian({6, 7, 16}, 1), context = gaussian({2, 5, 10}, 2);
  EXPECT_LT(relative(layer.forward(x, context), reference_attention(layer, x, context.repeat_interleave(3, 0))), 1e-5);
  EXPECT_THROW(layer.forward(x.narrow(0, 0, 5), context), Error);
}

TEST(Conv2d, AgreesWithF64ForwardAndBackward) {
  for (const auto dtype : dtypes()) {
    for (const Conv2dOptions& o : {Conv2dOptions{.in = 8, .out = 12, .kernel = 3, .padding = 1},
                                   Conv2dOptions{.in = 8, .out = 12, .kernel = 3, .stride = 2, .padding = 1},
                                   Conv2dOptions{.in = 8, .out = 12, .bias = false}}) {
      for (const bool frozen : {false, true}) {
        Conv2d layer(o);
        fill(layer);
        for (at::Tensor& p : layer.parameters()) p.set_requires_grad(!frozen);
        const at::Tensor x = gaussian({2, 8, 7, 6}, 1), weight = d(layer.weight).requires_grad_(true);
        at::Tensor xs = x.to(dtype).requires_grad_(true), xd = d(x).requires_grad_(true);
        const at::Tensor expected = at::conv2d(xd, weight, o.bias ? d(layer.bias) : at::Tensor(), o.stride, o.padding);
        const at::Tensor dy = gaussian(expected.sizes(), 2);
        expected.backward(d(dy));
        const at::Tensor y = layer.forward(xs);
        EXPECT_EQ(y.scalar_type(), dtype);
        EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
        y.backward(dy.to(dtype));
        EXPECT_LT(relative(y, expected), tolerance(dtype));
        EXPECT_LT(relative(xs.grad(), xd.grad()), tolerance(dtype));
        EXPECT_EQ(layer.weight.grad().defined(), !frozen);
        if (!frozen) {
          EXPECT_LT(relative(layer.weight.grad(), weight.grad()), tolerance(dtype));
        }
        const at::NoGradGuard no_grad;
        EXPECT_LT(relative(layer.forward(xs), expected), tolerance(dtype));
        EXPECT_LT(relative(layer.forward_add(xs, dy.to(dtype)), expected + dy), tolerance(dtype));
      }
    }
  }
}

TEST(Conv2d, ThePackedCopyFollowsTheWeight) {
  Conv2d layer({.in = 8, .out = 8, .kernel = 3, .padding = 1, .bias = false});
  fill(layer);
  const at::Tensor x = gaussian({1, 8, 5, 5}, 1);
  const at::NoGradGuard no_grad;
  const at::Tensor before = layer.forward(x).clone();
  layer.weight.mul_(2);  // in place, as an optimizer does
  EXPECT_LT(relative(layer.forward(x), before * 2), 1e-5);
  layer.weight.set_data(layer.weight.detach() * 3);  // replaced, as loading does
  EXPECT_LT(relative(layer.forward(x), before * 6), 1e-5);
}

TEST(PackedConvolution, RefusesToDropAGradient) {
  kernels::PackedConvolution packed;
  const at::Tensor weight = gaussian({4, 8, 3, 3}, 1);
  const at::Tensor x = gaussian({1, 8, 5, 5}, 2).set_requires_grad(true);
  EXPECT_THROW(packed.forward(x, weight, {}, {.padding = 1}), Error);
  EXPECT_THROW(packed.forward_frozen(x, weight.clone().set_requires_grad(true), {}, {.padding = 1}), Error);
  const at::NoGradGuard no_grad;
  EXPECT_NO_THROW(packed.forward(x, weight, {}, {.padding = 1}));
}

TEST(KeepPackedOnly, GivesTheWeightUpAndKeepsTheResult) {
  Linear linear({.in = 8, .out = 6});
  Conv2d wide({.in = 8, .out = 6, .kernel = 3, .padding = 1}), narrow({.in = 8, .out = 6});
  Attention attention({.width = 8, .heads = 2});
  for (torch::nn::Module* layer : std::initializer_list<torch::nn::Module*>{&linear, &wide, &narrow, &attention}) {
    fill(*layer);
    for (at::Tensor& p : layer->parameters()) p.set_requires_grad(false);
  }
  const at::Tensor image = gaussian({2, 8, 5, 4}, 1), tokens = gaussian({2, 5, 8}, 2);
  if (!kernels::onednn_takes(image)) GTEST_SKIP() << "nothing is packed on this CPU";
  const auto run = [&] {
    return std::vector<at::Tensor>{linear.forward(tokens), wide.forward(image), narrow.forward(image),
                                   attention.forward(tokens)};
  };
  const at::NoGradGuard no_grad;
  const auto expected = run();
  const std::vector<at::Tensor> weights = {linear.weight,
                                           wide.weight,
                                           narrow.weight,
                                           attention.to_q()->weight,
                                           attention.to_k()->weight,
                                           attention.to_v()->weight,
                                           attention.to_out()->weight};
  for (const at::Tensor& weight : weights) EXPECT_FALSE(kernels::is_given_up(weight));
  {
    const kernels::KeepPackedOnly keep;
    run();
  }
  for (const at::Tensor& weight : weights) EXPECT_TRUE(kernels::is_given_up(weight));
  EXPECT_EQ(wide.weight.sizes(), (at::IntArrayRef{6, 8, 3, 3}));
  const auto got = run();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_LT(relative(got[i], expected[i]), 1e-6);
  EXPECT_THROW(wide.forward(image.to(at::kDouble)), Error);
  EXPECT_THROW(linear.forward(tokens.to(at::kDouble)), Error);
  const at::AutoGradMode record(true);
  EXPECT_THROW(wide.forward(image.clone().requires_grad_(true)), Error);
  EXPECT_THROW(linear.forward(tokens.clone().requires_grad_(true)), Error);
}

TEST(Embedding, RefusesIndicesThatItDoesNotHave) {
  Embedding table(4, 3);
  fill(table);
  EXPECT_TRUE(at::equal(table.forward(at::tensor({2, 0})), at::stack({table.weight[2], table.weight[0]})));
  EXPECT_THROW(table.forward(at::tensor({4})), Error);
  EXPECT_THROW(table.forward(at::tensor({-1})), Error);
}

TEST(ModulePath, MakesWhatIsMissingOnTheWay) {
  const auto root = std::make_shared<torch::nn::Module>("root");
  register_at(*root, "a.0.b", std::make_shared<Embedding>(1, 1));
  register_at(*root, "a.1", std::make_shared<Embedding>(1, 1));
  EXPECT_EQ(names(*root), (std::vector<std::string>{"a.0.b.weight", "a.1.weight"}));
}

TEST(InitializeLayers, FillsAllThatItKnowsAndRefusesTheRest) {
  const auto root = std::make_shared<torch::nn::Module>("root");
  register_at(*root, "norm", std::make_shared<GroupNorm>(GroupNormOptions{.groups = 2, .channels = 4}));
  register_at(*root, "ff", std::make_shared<FeedForward>(FeedForwardOptions{.width = 4}));
  {
    const at::NoGradGuard no_grad;
    for (at::Tensor& p : root->parameters()) p.fill_(NAN);
  }
  auto generator = make_generator(1);
  initialize_layers(*root, generator);
  for (const auto& item : root->named_parameters())
    EXPECT_TRUE(item.value().isfinite().all().item<bool>()) << item.key();
  EXPECT_LE(root->named_parameters()["ff.net.2.weight"].abs().max().item<double>(), 0.25);  // 16^-1/2
  auto other = std::make_shared<torch::nn::Module>("other");
  other->register_parameter("loose", at::zeros({1}));
  register_at(*root, "other", other);
  EXPECT_THROW(initialize_layers(*root, generator), Error);
}

}  // namespace
}  // namespace cambium::nn
