#include "models/latent_diffusion/autoencoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/latent_diffusion/small_autoencoder.h"
#include "nn/load.h"

namespace cambium::latent_diffusion {
namespace {

TEST(Autoencoder, HasStableDiffusionsParameters) {
  int64_t count = 0;
  for (const at::Tensor& parameter : Autoencoder({}).parameters()) count += parameter.numel();
  EXPECT_EQ(count, 83'653'863);
}

TEST(Autoencoder, LeavesOutWhatTheOptionsLeaveOut) {
  AutoencoderOptions options = small_autoencoder_options();
  options.middle_attention = options.quant_conv = options.post_quant_conv = false;
  const auto model = small_autoencoder(options);
  for (const auto& [name, tensor] : nn::state_tensors(*model)) {
    EXPECT_EQ(name.find("attentions"), std::string::npos) << name;
    EXPECT_EQ(name.find("quant_conv"), std::string::npos) << name;
  }
  const at::NoGradGuard no_grad;
  EXPECT_EQ(model->decode(at::randn({1, 4, 3, 5})).sizes(), at::IntArrayRef({1, 3, 6, 10}));
}

TEST(Autoencoder, EncodesOddSidesRoundedDown) {
  const at::NoGradGuard no_grad;
  const auto model = small_autoencoder();
  EXPECT_EQ(model->moments(at::randn({2, 3, 9, 12})).sizes(), at::IntArrayRef({2, 8, 4, 6}));
}

// The only padding is on the right and below: a column that is cut off on the left moves the latents by exactly one.
TEST(Autoencoder, DownsamplesFromTheFirstPixel) {
  const at::NoGradGuard no_grad;
  nn::Conv2d convolution({.in = 1, .out = 1, .kernel = 3, .stride = 2});
  convolution.weight.zero_();
  convolution.bias.zero_();
  convolution.weight[0][0][0][0] = 1;  // reads the first of its nine pixels
  const at::Tensor x = at::arange(16, at::kFloat).view({1, 1, 4, 4});
  EXPECT_TRUE(downsample(x, convolution).equal(at::tensor({0.0f, 2.0f, 8.0f, 10.0f}).view({1, 1, 2, 2})));
}

TEST(Autoencoder, ResultsHaveTheDtypeOfWhatIsGiven) {
  const at::NoGradGuard no_grad;
  const auto model = small_autoencoder();
  const at::Tensor z = at::randn({1, 4, 4, 4});
  const at::Tensor exact = model->decode(z);
  model->to(at::kBFloat16);
  const at::Tensor rounded = model->decode(z);
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT((rounded - exact).abs().max().item<double>(), 0.05 * exact.abs().max().item<double>());
  EXPECT_FALSE(rounded.equal(exact));
  EXPECT_EQ(model->encode(at::randn({1, 3, 8, 8})).mean.scalar_type(), at::kFloat);
}

TEST(Autoencoder, RefusesOtherChannels) {
  const auto model = small_autoencoder();
  EXPECT_THROW(model->decode(at::randn({1, 3, 4, 4})), Error);
  EXPECT_THROW(model->moments(at::randn({1, 4, 8, 8})), Error);
  EXPECT_THROW(model->moments(at::randn({3, 8, 8})), Error);
}

TEST(Posterior, ClampsVariancesAndDivergesByTheFormula) {
  const at::Tensor moments = at::tensor({0.5f, -2.0f, -100.0f, 100.0f}).view({1, 4, 1, 1});
  const Posterior p = Posterior::of(moments);
  EXPECT_TRUE(p.logvar.flatten().equal(at::tensor({-30.0f, 20.0f})));
  const double expected = 0.5 * (0.25 + std::exp(-30.0) - 1 + 30) + 0.5 * (4 + std::exp(20.0) - 1 - 20);
  EXPECT_NEAR(p.kl()[0].item<double>() / expected, 1, 1e-6);
  EXPECT_TRUE(p.sample(at::zeros({1, 2, 1, 1})).equal(p.mean));
  EXPECT_NEAR(p.sample(at::ones({1, 2, 1, 1})).flatten()[1].item<double>(), -2 + std::exp(10.0), 1e-2);
}

}  // namespace
}  // namespace cambium::latent_diffusion
