#include "models/video_ldm/temporal_decoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/video_ldm/small_temporal_autoencoder.h"

namespace cambium::video_ldm {
namespace {

TEST(TemporalDecoder, HasStableVideoDiffusionsParameters) {
  int64_t count = 0;
  for (const at::Tensor& parameter : TemporalAutoencoder({.post_quant_conv = false}).parameters())
    count += parameter.numel();
  EXPECT_EQ(count, 97'742'847);
}

TEST(TemporalDecoder, StartsAsTheImageDecoder) {
  const at::NoGradGuard no_grad;
  const auto image = latent_diffusion::small_autoencoder();
  const auto video = untrained_temporal_autoencoder(*image);
  const at::Tensor z = at::randn({6, 4, 5, 4});
  EXPECT_TRUE(at::allclose(video->decode(z, 3), image->decode(z), 1e-5, 1e-6));
}

TEST(TemporalDecoder, TrainsItsOwnCopyOfTheDecoder) {
  const at::NoGradGuard no_grad;
  const auto image = latent_diffusion::small_autoencoder();
  const auto video = untrained_temporal_autoencoder(*image);
  const at::Tensor z = at::randn({1, 4, 4, 4}), before = image->decode(z);
  for (at::Tensor parameter : video->decoder()->parameters()) parameter.add_(1);
  EXPECT_TRUE(image->decode(z).equal(before));
}

TEST(TemporalDecoder, MixesTheFramesOfAVideoAndNoOthers) {
  const at::NoGradGuard no_grad;
  const auto model = small_temporal_autoencoder();
  at::Tensor z = at::randn({6, 4, 4, 4});
  const at::Tensor before = model->decode(z, 3);
  z[4].add_(1);
  const at::Tensor moved = (model->decode(z, 3) - before).abs().amax({1, 2, 3});
  EXPECT_EQ(moved.narrow(0, 0, 3).max().item<double>(), 0);
  EXPECT_GT(moved.narrow(0, 3, 3).min().item<double>(), 1e-4);
}

// alpha is the temporal layer's share here, not the spatial one's.
TEST(TemporalDecoder, AlphaIsTheTemporalShare) {
  const at::NoGradGuard no_grad;
  DecoderMixer mixer;
  mixer.mix_factor.fill_(20);
  const at::Tensor z = at::randn({2, 3, 2, 2}), added = at::randn({2, 3, 2, 2});
  EXPECT_TRUE(at::allclose(mixer.add(z, added), z + added));
  mixer.mix_factor.fill_(-20);
  EXPECT_TRUE(at::allclose(mixer.add(z, added), z));
}

TEST(TemporalDecoder, RefusesBrokenVideos) {
  const auto model = small_temporal_autoencoder();
  EXPECT_THROW(model->decode(at::randn({5, 4, 4, 4}), 3), Error);
  EXPECT_THROW(model->decode(at::randn({5, 4, 4, 4}), 0), Error);
}

}  // namespace
}  // namespace cambium::video_ldm
