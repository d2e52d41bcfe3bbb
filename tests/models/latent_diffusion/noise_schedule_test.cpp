#include "models/latent_diffusion/noise_schedule.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "support/gaussian.h"

namespace cambium::latent_diffusion {
namespace {

using test::gaussian;

TEST(NoiseSchedule, ZeroTerminalSnrKeepsTheFirstTimestepAndEndsInNoise) {
  const NoiseSchedule plain, rescaled({.zero_terminal_snr = true});
  EXPECT_GT(plain.alphas_cumprod()[-1].item<float>(), 0.004F);
  EXPECT_EQ(rescaled.alphas_cumprod()[-1].item<float>(), 0.0F);
  EXPECT_FLOAT_EQ(rescaled.alphas_cumprod()[0].item<float>(), plain.alphas_cumprod()[0].item<float>());
}

TEST(NoiseSchedule, CosineFollowsItsFormula) {
  const at::Tensor ab = NoiseSchedule({.curve = BetaCurve::cosine}).alphas_cumprod();
  // cos((t + 0.008) / 1.008 * pi / 2)^2 over its value at 0, t = 1/2
  EXPECT_NEAR(ab[499].item<float>(), 0.49384F, 1e-4F);
  EXPECT_LT(ab[-1].item<float>(), 1e-6F);
}

TEST(NoiseSchedule, TrainedBetasReplaceTheCurve) {
  const NoiseSchedule schedule({.train_timesteps = 2, .trained_betas = {0.5, 0.25}});
  EXPECT_EQ(schedule.timesteps(), 2);
  EXPECT_FLOAT_EQ(schedule.alphas_cumprod()[1].item<float>(), 0.375F);
}

// x0 = sqrt(ab) x - sqrt(1 - ab) v for every item's own timestep.
TEST(NoiseSchedule, CleanSamplesComeBackFromVelocities) {
  const NoiseSchedule schedule;
  const at::Tensor clean = gaussian({3, 2, 4, 4}, 1), noise = gaussian({3, 2, 4, 4}, 2);
  const at::Tensor t = at::tensor({0, 500, 999}, at::kLong);
  const at::Tensor x = schedule.add_noise(clean, noise, t), v = schedule.target(Prediction::velocity, clean, noise, t);
  const at::Tensor ab = schedule.alphas_cumprod().index_select(0, t).reshape({3, 1, 1, 1});
  EXPECT_TRUE(at::allclose(ab.sqrt() * x - (1 - ab).sqrt() * v, clean, 1e-4, 1e-5));
  EXPECT_TRUE(at::equal(schedule.target(Prediction::epsilon, clean, noise, t), noise));
  EXPECT_TRUE(at::equal(schedule.target(Prediction::sample, clean, noise, t), clean));
}

TEST(NoiseSchedule, MinSnrWeighsTheCleanSampleAlikeWhateverIsPredicted) {
  const NoiseSchedule schedule;
  const at::Tensor ab = schedule.alphas_cumprod().to(at::kDouble), snr = ab / (1 - ab);
  const at::Tensor sample = schedule.min_snr_weights(Prediction::sample);
  EXPECT_TRUE(at::allclose(schedule.min_snr_weights(Prediction::epsilon) * snr, sample));
  EXPECT_TRUE(at::allclose(schedule.min_snr_weights(Prediction::velocity) * (snr + 1), sample));
  EXPECT_DOUBLE_EQ(sample.max().item<double>(), 5);
}

TEST(NoiseOptions, RefusesWhatIsNoSchedule) {
  EXPECT_THROW(NoiseSchedule({.train_timesteps = 0}), UsageError);
  EXPECT_THROW(NoiseSchedule({.beta_start = 0.02, .beta_end = 0.01}), UsageError);
  EXPECT_THROW(NoiseSchedule({.trained_betas = {0.5, 1.5}}), UsageError);
  EXPECT_THROW(parse_beta_curve("quadratic"), UsageError);
}

}  // namespace
}  // namespace cambium::latent_diffusion
