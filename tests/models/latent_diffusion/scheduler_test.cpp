#include "models/latent_diffusion/scheduler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "support/gaussian.h"

namespace cambium::latent_diffusion {
namespace {

using test::gaussian;

struct Walker {
  explicit Walker(const SchedulerOptions& options, int64_t steps) : scheduler(make_scheduler(options)) {
    scheduler->set_timesteps(steps);
  }
  int64_t calls() const { return static_cast<int64_t>(scheduler->timesteps().size()); }

  // x at step i as a signal and a noise level.
  std::pair<double, double> level(int64_t i) const {
    if (!scheduler->sigmas().empty()) {
      const double sigma = scheduler->sigmas()[static_cast<size_t>(i)], root = std::sqrt(sigma * sigma + 1);
      const bool scaled = scheduler->options().kind == SchedulerKind::dpm_solver;
      return scaled ? std::pair(1 / root, sigma / root) : std::pair(1.0, sigma);
    }
    const auto t = static_cast<int64_t>(scheduler->timesteps()[static_cast<size_t>(i)]);
    const double ab = scheduler->schedule().alphas_cumprod()[t].item<double>();
    return {std::sqrt(ab), std::sqrt(1 - ab)};
  }

  // A network that knows the clean sample, saying it as `prediction`.
  at::Tensor knowing(const at::Tensor& clean, const at::Tensor& x, int64_t i) const {
    const auto [signal, noise] = level(i);
    const at::Tensor e = (x - signal * clean) / noise;
    const double norm = std::hypot(signal, noise);
    switch (scheduler->options().prediction) {
      case Prediction::epsilon:
        return e;
      case Prediction::sample:
        return clean;
      case Prediction::velocity:
        return signal / norm * e - noise / norm * clean;
    }
    return {};
  }

  at::Tensor walk(const at::Tensor& clean, at::Tensor x, int64_t from, int64_t to) const {
    for (int64_t i = from; i < to; ++i)
      x = scheduler->step(knowing(clean, x, i), i, x, gaussian(x.sizes(), static_cast<uint64_t>(100 + i)));
    return x;
  }

  std::unique_ptr<Scheduler> scheduler;
};

SchedulerOptions any_options(const std::string& kind) {
  SchedulerOptions options{.alpha_to_one = true};
  set_kind(options, kind);
  return options;
}

const std::vector<std::string> kKinds = {"ddim", "ddpm", "pndm", "euler", "euler_a", "dpmpp", "dpmpp_sde"};

// All of them end at the clean sample when every prediction is right; ddpm with offset 1 adds noise to the last step.
RC_GTEST_PROP(Schedulers, PerfectPredictionsLeadToTheCleanSample, ()) {
  const auto kind =
      *rc::gen::elementOf(std::vector<std::string>{"ddim", "pndm", "euler", "euler_a", "dpmpp", "dpmpp_sde"});
  SchedulerOptions options = any_options(kind);
  options.spacing = *rc::gen::element(Spacing::leading, Spacing::trailing, Spacing::linspace);
  options.prediction = *rc::gen::element(Prediction::epsilon, Prediction::velocity);
  options.solver_order = *rc::gen::inRange(1, kind == "dpmpp" ? 4 : 3);
  options.sigmas = *rc::gen::element(SigmaSpacing::timesteps, SigmaSpacing::karras, SigmaSpacing::exponential);
  // pndm mixes outputs of different timesteps, and only the noise is the same at all of them.
  if (kind == "pndm") options.prediction = Prediction::epsilon;
  // The strides of an uneven list do not meet.
  if (kind == "ddim" || kind == "pndm") options.spacing = Spacing::leading;
  const Walker walker(options, *rc::gen::inRange(2, 40));
  const at::Tensor clean = gaussian({2, 3, 4}, 1);
  const at::Tensor noise = gaussian(clean.sizes(), 2);
  const at::Tensor end = walker.walk(clean, walker.scheduler->add_noise(clean, noise, 0), 0, walker.calls());
  RC_ASSERT((end - clean).abs().max().item<double>() < 2e-2);
}

TEST(Schedulers, AllPredictionsAreTheSameWalk) {
  const at::Tensor clean = gaussian({2, 4, 3, 3}, 1), noise = gaussian({2, 4, 3, 3}, 2);
  for (const std::string& kind : kKinds) {
    if (kind == "pndm") continue;  // mixes outputs before it reads them
    SchedulerOptions options = any_options(kind);
    const Walker epsilon(options, 10);
    options.prediction = Prediction::velocity;
    const Walker velocity(options, 10);
    const at::Tensor start = epsilon.scheduler->add_noise(clean, noise, 0);
    const at::Tensor a = epsilon.walk(clean, start, 0, 6), b = velocity.walk(clean, start, 0, 6);
    EXPECT_TRUE(at::allclose(a, b, 1e-3, 1e-3)) << kind;
  }
}

// What sampling writes down while it runs is enough to go on, to the bit.
TEST(Schedulers, MemoryRestoredMidwayContinuesTheSameWalk) {
  const at::Tensor clean = gaussian({1, 4, 3, 3}, 1), start = gaussian({1, 4, 3, 3}, 2) * 3;
  for (const std::string& kind : kKinds) {
    for (const bool runge_kutta : {false, true}) {
      SchedulerOptions options = any_options(kind);
      options.eta = 0.5;
      options.churn = 3;
      options.runge_kutta_start = runge_kutta;
      const Walker whole(options, 8);
      const at::Tensor expected = whole.walk(clean, start, 0, whole.calls());
      for (int64_t stop = 0; stop < whole.calls(); ++stop) {
        const Walker first(options, 8);
        const at::Tensor x = first.walk(clean, start, 0, stop);
        const Walker second(options, 8);
        second.scheduler->restore(SchedulerMemory::from({.tensors = first.scheduler->memory().tensors()}));
        EXPECT_TRUE(at::equal(second.walk(clean, x, stop, second.calls()), expected)) << kind << " after " << stop;
      }
    }
  }
}

TEST(Schedulers, ComputeInFloat32WhateverTheNetworkIsIn) {
  const at::Tensor x = gaussian({1, 4, 3, 3}, 1).to(at::kBFloat16),
                   output = gaussian({1, 4, 3, 3}, 2).to(at::kBFloat16);
  for (const std::string& kind : kKinds) {
    const Walker walker(any_options(kind), 5);
    EXPECT_EQ(walker.scheduler->step(output, 0, x, x).scalar_type(), at::kFloat) << kind;
    EXPECT_EQ(walker.scheduler->add_noise(x, x, 2).scalar_type(), at::kFloat) << kind;
  }
}

// Noise handed to a step that does not draw any changes nothing, and the others say that they draw it.
TEST(Schedulers, NoiseIsReadWhereItIsAnnounced) {
  const at::Tensor x = gaussian({1, 4, 3, 3}, 1), output = gaussian({1, 4, 3, 3}, 2);
  for (const std::string& kind : kKinds) {
    for (const double amount : {0.0, 0.7}) {
      SchedulerOptions options = any_options(kind);
      options.eta = options.churn = amount;
      for (const int64_t i : {0, 4}) {
        const Walker one(options, 5), other(options, 5);
        const at::Tensor a = one.scheduler->step(output, i, x, gaussian(x.sizes(), 3));
        const at::Tensor b = other.scheduler->step(output, i, x, gaussian(x.sizes(), 4));
        const bool same = at::equal(a, b);
        if (!one.scheduler->draws_noise(i)) {
          EXPECT_TRUE(same) << kind << i;
        } else if (i == 0) {
          EXPECT_FALSE(same) << kind << i;
        }
      }
    }
  }
}

TEST(Schedulers, ClipWithoutDerivingTheNoiseAnew) {
  SchedulerOptions options = any_options("ddim");
  options.clip_sample = true;
  options.clip_range = 0.5;
  const Walker walker(options, 10);
  const at::Tensor clean = gaussian({1, 2, 3}, 1) * 5,
                   x = walker.scheduler->add_noise(clean, gaussian({1, 2, 3}, 2), 0);
  const at::Tensor e = walker.knowing(clean, x, 0);
  const auto [signal, noise] = walker.level(1);
  EXPECT_TRUE(at::allclose(walker.scheduler->step(e, 0, x), signal * clean.clamp(-0.5, 0.5) + noise * e, 1e-3, 1e-4));
}

TEST(Schedulers, DynamicThresholdsAreEachItemsOwn) {
  SchedulerOptions options = any_options("dpmpp");
  options.thresholding = true;
  options.threshold_ratio = 1;
  options.threshold_max = 100;
  options.prediction = Prediction::sample;
  const Walker walker(options, 1);
  const at::Tensor clean = at::tensor({0.25F, -0.5F, 2.0F, -4.0F}).reshape({2, 2});
  const at::Tensor end = walker.scheduler->step(clean, 0, at::zeros({2, 2}));
  EXPECT_TRUE(at::allclose(end, at::tensor({0.25F, -0.5F, 0.5F, -1.0F}).reshape({2, 2})));
}

TEST(Schedulers, RefuseStepsThatTheScheduleDoesNotHold) {
  const auto scheduler = make_scheduler({});
  EXPECT_THROW(scheduler->set_timesteps(0), UsageError);
  EXPECT_THROW(scheduler->set_timesteps(1001), UsageError);
  EXPECT_THROW(scheduler->set_timesteps(1000), UsageError);  // the offset leads past the last timestep
  EXPECT_NO_THROW(scheduler->set_timesteps(999));
  SchedulerOptions runge_kutta{.kind = SchedulerKind::pndm, .runge_kutta_start = true};
  EXPECT_THROW(make_scheduler(runge_kutta)->set_timesteps(3), UsageError);
}

TEST(Schedulers, ZeroTerminalSnrStartsAtNoiseAlone) {
  SchedulerOptions options{.prediction = Prediction::velocity, .spacing = Spacing::trailing};
  options.noise.zero_terminal_snr = true;
  const at::Tensor clean = gaussian({1, 4}, 1), noise = gaussian({1, 4}, 2);
  const Walker ddim(options, 10);
  EXPECT_TRUE(at::equal(ddim.scheduler->add_noise(clean, noise, 0), noise));
  options.kind = SchedulerKind::euler;
  const Walker euler(options, 10);
  EXPECT_NEAR(euler.scheduler->sigmas().front(), 4096, 1);
}

}  // namespace
}  // namespace cambium::latent_diffusion
