#include "models/latent_diffusion/sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <csignal>

#include "core/error.h"
#include "core/interrupt.h"

namespace cambium::latent_diffusion {
namespace {

at::Tensor network(const at::Tensor& x, double t) { return 0.5 * x + 0.1 * std::sin(t); }

std::unique_ptr<Scheduler> scheduler_for(SchedulerKind kind) {
  auto scheduler = make_scheduler({.kind = kind, .eta = 0.3});
  scheduler->set_timesteps(9);
  return scheduler;
}

TEST(Sampler, ResumesWhereItWasStopped) {
  for (const auto kind : {SchedulerKind::ddim, SchedulerKind::pndm, SchedulerKind::dpm_solver}) {
    const ItemNoise noise({3, 4}, {4, 5, 2, 2});  // videos: any rank
    SamplingOptions options{.noise = [&](int64_t i) { return noise.at_step(i); }};
    const auto whole = scheduler_for(kind);
    const at::Tensor expected = sample(*whole, network, noise.initial(), options);

    const auto first = scheduler_for(kind);
    at::Tensor reached;
    options.after_step = [&](const StepReport& report) {
      if (report.step != 3) return;
      reached = report.x;
      interrupt::request(SIGINT);
    };
    EXPECT_THROW(sample(*first, network, noise.initial(), options), Interrupted);
    interrupt::clear();

    const auto second = scheduler_for(kind);
    second->restore(first->memory());
    options.begin = 4;
    options.after_step = {};
    EXPECT_TRUE(at::equal(sample(*second, network, reached, options), expected));
  }
}

TEST(Sampler, ReportsEveryStepWithWhatTheNetworkSaw) {
  const auto scheduler = scheduler_for(SchedulerKind::ddim);
  const at::Tensor wanted = at::full({1, 4, 2, 2}, 0.25);
  const Denoiser knows = [&](const at::Tensor& x, double t) {
    const at::Tensor ab = scheduler->schedule().alphas_cumprod()[static_cast<int64_t>(t)];
    return (x - ab.sqrt() * wanted) / (1 - ab).sqrt();
  };
  const ItemNoise noise({1}, {4, 2, 2});
  std::vector<int64_t> seen;
  SamplingOptions options{.noise = [&](int64_t i) { return noise.at_step(i); },
                          .after_step =
                              [&](const StepReport& report) {
                                seen.push_back(report.step);
                                EXPECT_EQ(report.steps, 9);
                                EXPECT_TRUE(at::allclose(report.clean, wanted, 1e-3, 1e-3));
                              }};
  sample(*scheduler, knows, noise.initial(), options);
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(Sampler, StrengthSaysHowManyStepsAreWalked) {
  EXPECT_EQ(first_step(10, 1), 0);
  EXPECT_EQ(first_step(10, 0.6), 4);
  EXPECT_EQ(first_step(50, 0.58), 22);  // int(28.999...) = 28, as the original
  EXPECT_THROW(first_step(10, 0), UsageError);
  EXPECT_THROW(first_step(10, 1.1), UsageError);
  EXPECT_THROW(first_step(2, 0.3), UsageError);
}

TEST(ItemNoise, AnItemIsTheSameInEveryBatch) {
  const ItemNoise both({7, 8}, {2, 3}), one({8}, {2, 3});
  EXPECT_TRUE(at::equal(both.initial()[1], one.initial()[0]));
  EXPECT_TRUE(at::equal(both.at_step(5)[1], one.at_step(5)[0]));
  EXPECT_FALSE(at::equal(one.at_step(5), one.at_step(6)));
  EXPECT_FALSE(at::equal(one.at_step(0), one.initial()));
}

}  // namespace
}  // namespace cambium::latent_diffusion
