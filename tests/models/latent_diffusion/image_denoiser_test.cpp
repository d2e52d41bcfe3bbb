#include "models/latent_diffusion/image_denoiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "support/gaussian.h"

namespace cambium::latent_diffusion {
namespace {

using test::gaussian;

std::shared_ptr<UNet> small_unet(int64_t in_channels, int64_t classes) {
  auto unet = std::make_shared<UNet>(UNetOptions{.in_channels = in_channels,
                                                 .block_out_channels = {32, 64},
                                                 .attention = {true, false},
                                                 .only_cross_attention = {false, false},
                                                 .heads = {4, 4},
                                                 .layers_per_block = 1,
                                                 .cross_attention_dim = 16,
                                                 .class_embeddings = classes});
  at::Generator generator = make_generator(5);
  unet->initialize(generator);
  return unet;
}

at::Tensor predict(const UNet& unet, const at::Tensor& x, double t, const at::Tensor& context,
                   const UNetExtras& extras = {}) {
  const at::NoGradGuard guard;
  return unet.forward(x, at::full({1}, t), context, extras);
}

TEST(ImageDenoiser, GuidesFromTheNegativePrompt) {
  const auto unet = small_unet(4, 0);
  const at::Tensor x = gaussian({3, 4, 6, 5}, 1), positive = gaussian({1, 7, 16}, 2),
                   negative = gaussian({1, 7, 16}, 3);
  const at::Tensor p = predict(*unet, x, 321, positive), n = predict(*unet, x, 321, negative);
  const at::NoGradGuard guard;
  const auto guided = image_denoiser(unet, {.positive = positive, .negative = negative}, {.scale = 4});
  EXPECT_TRUE(at::allclose(guided(x, 321), n + 4 * (p - n), 1e-4, 1e-5));
  const auto plain = image_denoiser(unet, {.positive = positive}, {.scale = 1});
  EXPECT_TRUE(at::allclose(plain(x, 321), p, 1e-5, 1e-6));
}

TEST(ImageDenoiser, EveryImageMayHaveItsOwnPrompt) {
  const auto unet = small_unet(4, 0);
  const at::Tensor x = gaussian({2, 4, 4, 4}, 1), positive = gaussian({2, 7, 16}, 2),
                   negative = gaussian({2, 7, 16}, 3);
  const at::NoGradGuard guard;
  const at::Tensor both = image_denoiser(unet, {.positive = positive, .negative = negative}, {.scale = 3})(x, 10);
  const at::Tensor second = image_denoiser(unet, {.positive = positive.slice(0, 1), .negative = negative.slice(0, 1)},
                                           {.scale = 3})(x.slice(0, 1), 10);
  EXPECT_TRUE(at::allclose(both.slice(0, 1), second, 1e-4, 1e-5));
}

// Both halves of the guided batch see the same noisy picture and the same level.
TEST(ImageDenoiser, UpscalersSeeTheNoisyPictureBehindTheLatents) {
  const auto unet = small_unet(7, 1000);
  const NoiseSchedule schedule(upscaler_noise());
  const at::Tensor low = gaussian({2, 3, 4, 4}, 1), noise = gaussian({2, 3, 4, 4}, 2), x = gaussian({2, 4, 4, 4}, 3);
  ImageConditions conditions = upscaling_conditions(low, noise, 20, schedule);
  const at::Tensor ab = schedule.alphas_cumprod()[20];
  EXPECT_TRUE(at::allclose(conditions.behind, ab.sqrt() * low + (1 - ab).sqrt() * noise));
  conditions.positive = gaussian({1, 7, 16}, 4);
  conditions.negative = gaussian({1, 7, 16}, 5);
  const at::Tensor input = at::cat({x, conditions.behind}, 1);
  const UNetExtras level{.class_labels = at::full({2}, 20, at::kLong)};
  const at::Tensor p = predict(*unet, input, 9, conditions.positive, level);
  const at::Tensor n = predict(*unet, input, 9, conditions.negative, level);
  const at::NoGradGuard guard;
  EXPECT_TRUE(at::allclose(image_denoiser(unet, conditions, {.scale = 2})(x, 9), 2 * p - n, 1e-4, 1e-5));
}

TEST(ImageDenoiser, SaysWhatIsMissing) {
  EXPECT_THROW(image_denoiser(small_unet(4, 0), {.positive = gaussian({1, 7, 16}, 2)}, {.scale = 2}), UsageError);
  const at::Tensor picture = gaussian({1, 3, 4, 4}, 1);
  EXPECT_THROW(upscaling_conditions(picture, picture, 1000, NoiseSchedule(upscaler_noise())), UsageError);
}

}  // namespace
}  // namespace cambium::latent_diffusion
