#include "models/video_ldm/time_mixer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

const at::Tensor kImage = gaussian({6, 3, 2, 2}, 1), kAdded = gaussian({6, 3, 2, 2}, 2);  // two videos of three frames

TimeMixer mixer(const TemporalOptions& options, const at::Tensor& mix_factor) {
  TimeMixer made(options);
  made.mix_factor.set_data(mix_factor);
  return made;
}

// z' = alpha z + (1 - alpha) (z + added), by both ways.
void expect_alpha(const TimeMixer& made, const at::Tensor& alpha, const at::Tensor& image_only = {}) {
  const at::Tensor expected = kImage + (1 - alpha.view({-1, 1, 1, 1})) * kAdded;
  EXPECT_TRUE(at::allclose(made.add(kImage, kAdded, 3, image_only), expected, 1e-6, 1e-6));
  EXPECT_TRUE(at::allclose(made.mix(kImage, kImage + kAdded, 3, image_only), expected, 1e-6, 1e-6));
}

TEST(TimeMixer, Sigmoid) { expect_alpha(mixer({}, at::tensor({0.5F})), at::tensor({0.6224593F})); }

TEST(TimeMixer, ClampKeepsAlphaWithinBoundsAndItsGradientInside) {
  const TemporalOptions clamp{.mixing = Mixing::clamp};
  expect_alpha(mixer(clamp, at::tensor({0.25F})), at::tensor({0.25F}));
  expect_alpha(mixer(clamp, at::tensor({-3.0F})), at::tensor({0.0F}));
  expect_alpha(mixer(clamp, at::tensor({1.5F})), at::tensor({1.0F}));
  for (const float factor : {0.25F, 1.5F}) {
    const TimeMixer made = mixer(clamp, at::tensor({factor}));
    made.add(kImage, kAdded, 3, {}).square().sum().backward();
    EXPECT_EQ(made.mix_factor.grad().item<float>() != 0, factor < 1);
  }
}

TEST(TimeMixer, PerFrameRepeatsOverVideos) {
  const TimeMixer made = mixer({.mixing = Mixing::per_frame, .frames = 3}, at::tensor({-1.0F, 0.0F, 2.0F}));
  expect_alpha(made, at::sigmoid(at::tensor({-1.0F, 0.0F, 2.0F})).repeat({2}));
}

TEST(TimeMixer, ImagesOfTheirOwnAreUntouchedBitForBit) {
  const at::Tensor image_only = at::tensor({0, 1, 0, 1, 1, 0}).to(at::kBool).view({2, 3});
  const TimeMixer made = mixer({}, at::tensor({0.5F}));
  expect_alpha(made, at::where(image_only.flatten(), at::ones({}), at::sigmoid(made.mix_factor)), image_only);
  for (const at::Tensor& y : {made.add(kImage, kAdded, 3, image_only), made.mix(kImage, kAdded, 3, image_only)}) {
    for (const int64_t row : {1, 3, 4}) EXPECT_TRUE(at::equal(y[row], kImage[row])) << row;
  }
  const at::Tensor half = made.mix(kImage.to(at::kBFloat16), kAdded.to(at::kBFloat16), 3, image_only);
  EXPECT_TRUE(at::equal(half[1], kImage.to(at::kBFloat16)[1]));
}

}  // namespace
}  // namespace cambium::video_ldm
