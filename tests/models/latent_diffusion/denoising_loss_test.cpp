#include "models/latent_diffusion/denoising_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "support/gaussian.h"

namespace cambium::latent_diffusion {
namespace {

using test::gaussian;

// Two videos of three frames: every number of a video counts alike, and the videos alike.
DenoisingBatch batch() {
  return {
      .clean = gaussian({2, 3, 4, 5, 5}, 1), .noise = gaussian({2, 3, 4, 5, 5}, 2), .timesteps = at::tensor({3, 700})};
}

TEST(DenoisingLoss, IsZeroForTheTargetOfEachPrediction) {
  const NoiseSchedule schedule;
  const DenoisingBatch b = batch();
  for (const Prediction prediction : {Prediction::epsilon, Prediction::sample, Prediction::velocity}) {
    const at::Tensor target = schedule.target(prediction, b.clean, b.noise, b.timesteps);
    EXPECT_EQ(denoising_loss(target, b, schedule, {.prediction = prediction}).item<float>(), 0);
    EXPECT_NEAR(denoising_loss(target + 0.5, b, schedule, {.prediction = prediction}).item<float>(), 0.25, 1e-6);
  }
}

TEST(DenoisingLoss, MinSnrWeighsEachItemByItsTimestep) {
  const NoiseSchedule schedule;
  const DenoisingBatch b = batch();
  at::Tensor output = b.noise.clone();
  output[0].add_(1);
  output[1].add_(2);
  const at::Tensor weights = schedule.min_snr_weights(Prediction::epsilon, 5);
  const double expected = (weights[3].item<double>() * 1 + weights[700].item<double>() * 4) / 2;
  EXPECT_NEAR(denoising_loss(output, b, schedule, {.min_snr_gamma = 5}).item<double>(), expected, 1e-5);
  EXPECT_LT(weights[3].item<double>(), 0.1);  // little noise: the weight is small
  EXPECT_NEAR(weights[700].item<double>(), 1, 1e-6);
}

TEST(DenoisingLoss, IsFloat32OfReducedOutputs) {
  const DenoisingBatch b = batch();
  EXPECT_EQ(denoising_loss(b.clean.to(at::kBFloat16), b, NoiseSchedule()).scalar_type(), at::kFloat);
}

TEST(DenoisingLoss, TimestepsCoverTheScheduleAndTextIsDroppedAtTheOddsGiven) {
  auto generator = make_generator(1);
  const at::Tensor t = draw_timesteps(20000, NoiseSchedule(), generator);
  EXPECT_EQ(t.min().item<int64_t>(), 0);
  EXPECT_EQ(t.max().item<int64_t>(), 999);
  EXPECT_NEAR(t.to(at::kDouble).mean().item<double>(), 499.5, 10.3);  // five standard deviations
  const at::Tensor text = at::ones({4000, 2, 3}), empty = at::zeros({1, 2, 3});
  const at::Tensor dropped = drop_text(text, empty, 0.1, generator).flatten(1);
  EXPECT_TRUE(at::equal(dropped.amin(1), dropped.amax(1)));  // whole rows
  EXPECT_NEAR(dropped.select(1, 0).eq(0).sum().item<double>(), 400, 95);
  EXPECT_TRUE(at::equal(drop_text(text, empty, 0, generator), text));
}

}  // namespace
}  // namespace cambium::latent_diffusion
