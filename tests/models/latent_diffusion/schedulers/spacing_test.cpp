#include "models/latent_diffusion/schedulers/spacing.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

namespace cambium::latent_diffusion {
namespace {

TEST(Spacing, RoundsHalvesToEven) {
  EXPECT_EQ(spaced_timesteps(Spacing::linspace, 1000, 3, 1), (std::vector<double>{999, 500, 0}));
  EXPECT_EQ(spaced_timesteps(Spacing::trailing, 10, 4, 1), (std::vector<double>{9, 7, 4, 1}));
  EXPECT_EQ(spaced_timesteps(Spacing::trailing, 1000, 6, 1), (std::vector<double>{999, 832, 666, 499, 332, 166}));
}

TEST(Spacing, LeadingDropsWhatDoesNotDivide) {
  EXPECT_EQ(spaced_timesteps(Spacing::leading, 1000, 3, 1), (std::vector<double>{667, 334, 1}));
}

TEST(Spacing, UnroundedTimestepsAreFloats) {
  const auto values = spaced_timesteps(Spacing::linspace, 1000, 8, 0, false);
  EXPECT_EQ(values[1], static_cast<double>(static_cast<float>(999.0 * 6 / 7)));
}

TEST(Sigmas, KarrasAndExponentialRunBetweenTheirEnds) {
  for (const auto& levels : {karras_sigmas(0.03, 14.6, 9), exponential_sigmas(0.03, 14.6, 9)}) {
    EXPECT_NEAR(levels.front(), 14.6, 1e-9);
    EXPECT_NEAR(levels.back(), 0.03, 1e-9);
    EXPECT_TRUE(std::is_sorted(levels.rbegin(), levels.rend()));
  }
  EXPECT_NEAR(exponential_sigmas(0.01, 1, 3)[1], 0.1, 1e-12);
}

std::vector<float> rising_table() {
  std::vector<float> table;
  for (int i = 0; i < 50; ++i) table.push_back(0.05F * std::exp(0.1F * static_cast<float>(i)));
  return table;
}

// Logarithmic in between, so the table must be logarithmically even for both to agree.
RC_GTEST_PROP(Sigmas, TimestepsAreFoundAgain, ()) {
  const double t = *rc::gen::inRange(0, 4900) / 100.0;
  const double sigma = 0.05 * std::exp(0.1 * t);
  RC_ASSERT(std::abs(timestep_of_sigma(sigma, rising_table()) - t) < 1e-3);
}

TEST(Sigmas, LevelsOutsideTheTableAreItsEnds) {
  EXPECT_EQ(timestep_of_sigma(1e-9, rising_table()), 0);
  EXPECT_EQ(timestep_of_sigma(1e9, rising_table()), 49);
}

TEST(Sigmas, InterpolationIsLinearAndStopsAtTheEnd) {
  EXPECT_EQ(interpolate({1, 3, 7}, {0, 0.5, 1.25, 2}), (std::vector<double>{1, 2, 4, 7}));
}

}  // namespace
}  // namespace cambium::latent_diffusion
