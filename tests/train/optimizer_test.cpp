#include "train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "train/schedule.h"

namespace cambium::train {
namespace {

// torch.optim.AdamW (2.13), lr 1e-2, betas (0.9, 0.98), eps 1e-8, groups of decay 0.2 and 0, LambdaLR of warm-up 3 and
// cosine squared to 10; p_i = sin(i) and cos(i), gradient at step t: cos(1.7 i + t) (1 + i mod 3) and 1e-3 sin(i (t +
// 1)), none at t = 2.
struct Trace {
  at::Tensor a, b;
  AdamW optimizer;

  explicit Trace(at::ScalarType dtype)
      : a(at::sin(at::arange(7, at::kDouble)).to(dtype).requires_grad_(true)),
        b(at::cos(at::arange(3, at::kDouble)).to(dtype).requires_grad_(true)),
        optimizer({{.name = "regular", .parameters = {{"a", a}}, .weight_decay = 0.2},
                   {.name = "gain_bias", .parameters = {{"b", b}}}},
                  {.lr = 1e-2}) {}

  void run(int64_t from, int64_t to) {
    const ScheduleOptions schedule{.decay = Decay::cosine_squared, .warmup = 3, .total = 10};
    const at::Tensor i = at::arange(7, at::kDouble), j = at::arange(3, at::kDouble);
    for (int64_t t = from; t < to; ++t) {
      optimizer.zero_grad();
      a.mutable_grad() = (at::cos(1.7 * i + t) * (1 + at::remainder(i, 3))).to(a.scalar_type());
      if (t != 2) b.mutable_grad() = (at::sin(j * (t + 1)) * 1e-3).to(b.scalar_type());
      optimizer.step(multiplier(schedule, t));
    }
  }
};

const std::vector<double> kA = {-0.0017947410369474747, 0.8525344696728294,  0.9004792549472211, 0.12406832796279506,
                                -0.7452209479535887,    -0.9381010254439877, -0.2871799804444556};
const std::vector<double> kB = {1.0, 0.5359779609642774, -0.42147991269268753};
const std::vector<double> kSquare = {0.055532429959664495, 0.2371943454282112,  0.48899733121047184,
                                     0.060168249075370196, 0.21540341308487396, 0.5420784121878395,
                                     0.05421182812807494};

void expect_near(const at::Tensor& got, const std::vector<double>& expected, double tolerance) {
  const at::Tensor wide = got.detach().to(at::kDouble).contiguous();
  ASSERT_EQ(wide.numel(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(wide.const_data_ptr<double>()[i], expected[i], tolerance) << i;
}

TEST(AdamW, EqualsPyTorch) {
  Trace f64(at::kDouble), f32(at::kFloat);
  f64.run(0, 6);
  expect_near(f64.a, kA, 1e-15);
  expect_near(f64.b, kB, 1e-15);
  f32.run(0, 6);
  expect_near(f32.a, kA, 1.2e-7);
  expect_near(f32.b, kB, 1.2e-7);
  for (const auto& [name, tensor] : f64.optimizer.state("set/")) {
    if (name == "set/a.exp_avg_sq") expect_near(tensor, kSquare, 1e-15);
    if (name == "set/a.step") {
      EXPECT_EQ(tensor.item<double>(), 6);
    }
    if (name == "set/b.step") {  // one step without a gradient
      EXPECT_EQ(tensor.item<double>(), 5);
    }
  }
}

TEST(AdamW, FirstStepAtRateZeroMovesOnlyTheMoments) {
  Trace trace(at::kFloat);
  const at::Tensor before = trace.a.detach().clone();
  trace.run(0, 1);
  EXPECT_TRUE(at::equal(trace.a.detach(), before));
  EXPECT_GT(trace.optimizer.state("")[0].second.abs().sum().item<double>(), 0);
}

TEST(AdamW, StateRoundTripContinuesBitForBit) {
  Trace whole(at::kFloat), first(at::kFloat), second(at::kFloat);
  whole.run(0, 6);
  first.run(0, 4);
  {
    const at::NoGradGuard guard;
    second.a.detach().copy_(first.a);
    second.b.detach().copy_(first.b);
  }
  io::StateDict state{.source = "state", .tensors = first.optimizer.state("model/")};
  second.optimizer.load_state("model/", [&](const std::string& name) { return state.find(name); }, state.source);
  second.run(4, 6);
  EXPECT_TRUE(at::equal(whole.a, second.a));
  EXPECT_TRUE(at::equal(whole.b, second.b));
}

TEST(AdamW, StateOfAnotherShapeOrPartIsRefused) {
  Trace trace(at::kFloat);
  trace.run(0, 1);
  io::StateDict state{.source = "opt.safetensors", .tensors = trace.optimizer.state("")};
  for (auto& [name, tensor] : state.tensors) {
    if (name == "a.exp_avg") tensor = at::zeros({6});
  }
  const auto find = [&](const std::string& name) { return state.find(name); };
  EXPECT_THROW(trace.optimizer.load_state("", find, state.source), Error);
  state.tensors.erase(state.tensors.begin());
  EXPECT_THROW(trace.optimizer.load_state("", find, state.source), Error);
}

TEST(AdamW, AStepCountsAsAChangeOfTheParameter) {
  Trace trace(at::kFloat);
  const auto version = [&] { return trace.a.unsafeGetTensorImpl()->version_counter().current_version(); };
  const auto before = version();
  trace.run(0, 1);
  EXPECT_GT(version(), before);  // packed copies of a weight are made anew when this moves
}

TEST(AdamW, GradientInAnotherMemoryFormat) {
  const auto make = [] {
    return at::arange(16, at::kFloat)
        .view({1, 4, 2, 2})
        .contiguous(at::MemoryFormat::ChannelsLast)
        .requires_grad_(true);
  };
  const at::Tensor like = make(), unlike = make();
  const at::Tensor gradient = at::arange(16, at::kFloat).view({1, 4, 2, 2}) - 7;  // contiguous
  AdamW one({{.name = "g", .parameters = {{"w", like}}}}, {.lr = 0.1}),
      two({{.name = "g", .parameters = {{"w", unlike}}}}, {.lr = 0.1});
  like.mutable_grad() = gradient.contiguous(at::MemoryFormat::ChannelsLast);
  unlike.mutable_grad() = gradient;
  one.step(1);
  two.step(1);
  EXPECT_TRUE(at::equal(like, unlike));
}

TEST(AdamW, RefusesWhatCannotBeTrained) {
  const at::Tensor leaf = at::zeros({2}).requires_grad_(true);
  const auto make = [](ParameterGroup group) { return AdamW({std::move(group)}, {}); };
  EXPECT_THROW(make({.name = "g", .parameters = {{"frozen", at::zeros({2})}}}), Error);
  EXPECT_THROW(make({.name = "g", .parameters = {{"product", leaf * 2}}}), Error);
  EXPECT_THROW(make({.name = "g", .parameters = {{"half", at::zeros({2}, at::kBFloat16).requires_grad_(true)}}}),
               Error);
  EXPECT_THROW(make({.name = "g", .parameters = {{"a", leaf}, {"b", leaf}}}), Error);
  EXPECT_THROW(make({.name = "g", .parameters = {{"a", leaf}}, .weight_decay = -1}), UsageError);
  EXPECT_THROW(AdamW({}, {.beta2 = 1}), UsageError);
}

TEST(GradientNorm, ClipsAsPyTorchDoes) {
  const at::Tensor a = at::zeros({2}).requires_grad_(true), b = at::zeros({1}).requires_grad_(true),
                   none = at::zeros({5}).requires_grad_(true);
  const NamedTensors parameters = {{"a", a}, {"b", b}, {"none", none}};
  const auto set = [&] {
    a.mutable_grad() = at::tensor({3.0f, 0.0f});
    b.mutable_grad() = at::tensor({4.0f});
  };
  set();
  const at::Tensor norm = gradient_norm(parameters);
  EXPECT_FLOAT_EQ(norm.item<float>(), 5);
  scale_gradients(parameters, norm, 10);
  EXPECT_EQ(a.grad()[0].item<float>(), 3);
  scale_gradients(parameters, norm, 1);
  EXPECT_NEAR(a.grad()[0].item<float>(), 3 / 5.000001, 1e-7);
  EXPECT_NEAR(b.grad()[0].item<float>(), 4 / 5.000001, 1e-7);
  EXPECT_FALSE(none.grad().defined());
}

}  // namespace
}  // namespace cambium::train
