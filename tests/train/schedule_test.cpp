#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace cambium::train {
namespace {

TEST(Schedule, WarmupThenCosineSquared) {
  // meru.md section 4: 4000 of 120,000.
  const ScheduleOptions schedule{.decay = Decay::cosine_squared, .warmup = 4000, .total = 120000};
  EXPECT_EQ(multiplier(schedule, 0), 0);
  EXPECT_DOUBLE_EQ(multiplier(schedule, 1000), 0.25);
  EXPECT_EQ(multiplier(schedule, 4000), 1);
  EXPECT_NEAR(multiplier(schedule, 62000), 0.5, 1e-12);
  EXPECT_NEAR(multiplier(schedule, 33000), std::pow(std::cos(std::numbers::pi / 8), 2), 1e-12);
  EXPECT_NEAR(multiplier(schedule, 120000), 0, 1e-30);
  EXPECT_EQ(multiplier(schedule, 130000), multiplier(schedule, 120000));
}

TEST(Schedule, CosineEqualsPyTorchsAnnealing) {
  // torch.optim.lr_scheduler.CosineAnnealingLR(T_max=20, eta_min=0.1) from 1.
  const ScheduleOptions schedule{.decay = Decay::cosine, .total = 20, .final = 0.1};
  const double expected[] = {1.0, 0.994459753267812, 0.9779754323328191, 0.9509529358847655, 0.9140576474687263};
  for (int64_t k = 0; k < 5; ++k) EXPECT_NEAR(multiplier(schedule, k), expected[k], 1e-12);
  EXPECT_NEAR(multiplier(schedule, 19), 0.10554024673218806, 1e-12);
  EXPECT_NEAR(multiplier(schedule, 20), 0.1, 1e-12);
}

TEST(Schedule, CosineHeldForAnEpoch) {
  const ScheduleOptions schedule{.decay = Decay::cosine, .total = 200, .final = 0.1, .period = 10};
  EXPECT_NEAR(multiplier(schedule, 0), 1, 1e-12);
  EXPECT_NEAR(multiplier(schedule, 9), 1, 1e-12);
  EXPECT_NEAR(multiplier(schedule, 10), 0.994459753267812, 1e-12);
  EXPECT_NEAR(multiplier(schedule, 49), 0.9140576474687263, 1e-12);
}

TEST(Schedule, ConstantAndSteps) {
  const ScheduleOptions constant{.decay = Decay::constant, .warmup = 4, .total = 10};
  EXPECT_EQ(multiplier(constant, 2), 0.5);
  EXPECT_EQ(multiplier(constant, 9), 1);
  const ScheduleOptions steps{.decay = Decay::step, .total = 100, .gamma = 0.5, .period = 30};
  EXPECT_EQ(multiplier(steps, 29), 1);
  EXPECT_EQ(multiplier(steps, 30), 0.5);
  EXPECT_EQ(multiplier(steps, 95), 0.125);
}

TEST(Schedule, BadOptionsAreNamed) {
  const auto field = [](const ScheduleOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const UsageError& error) {
      return error.info().field;
    }
    return "";
  };
  EXPECT_EQ(field({.warmup = 2, .total = 10}), "");
  EXPECT_EQ(field({.warmup = -1, .total = 10}), "schedule.warmup");
  EXPECT_EQ(field({.warmup = 10, .total = 10}), "schedule.warmup");
  EXPECT_EQ(field({.total = 0}), "schedule.total");
  EXPECT_EQ(field({.decay = Decay::cosine, .total = 10, .final = 2}), "schedule.final");
  EXPECT_EQ(field({.decay = Decay::step, .total = 10}), "schedule.period");
  EXPECT_EQ(field({.decay = Decay::step, .total = 10, .gamma = 0, .period = 1}), "schedule.gamma");
  EXPECT_EQ(parse_decay("cosine_squared"), Decay::cosine_squared);
  EXPECT_THROW(parse_decay("cosinus"), UsageError);
}

}  // namespace
}  // namespace cambium::train
