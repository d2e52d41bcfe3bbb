#include "models/video_ldm/guided_denoiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/video_ldm/context.h"
#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

// Predictions alone, as guidance combines them.
struct Rows {
  std::shared_ptr<latent_diffusion::UNet> unet = random_unet();
  std::shared_ptr<TemporalLayers> layers;
  TinyBatch batch;
  at::Tensor negative = gaussian({1, 3, 12}, 9);

  explicit Rows(bool context) : layers(random_layers({.context = context})) {
    if (context) batch.inputs.context = context_frames(gaussian(batch.x.sizes(), 8), leading_mask(5, 2));
  }

  at::Tensor row(bool prompt, bool known) const {
    const at::NoGradGuard no_grad;
    VideoInputs inputs = batch.inputs;
    if (!prompt) inputs.text = negative.expand({2, 3, 12});
    if (!known && inputs.context.defined()) inputs.context = no_context(batch.x);
    return VideoDenoiser(unet, layers, inputs)(batch.x, at::tensor({300.0}));
  }

  at::Tensor guided(const latent_diffusion::Guidance& guidance) const {
    const at::NoGradGuard no_grad;
    return GuidedVideoDenoiser(unet, layers, batch.inputs, {.text = negative}, guidance)(batch.x, 300);
  }
};

void expect_close(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_LT(((a - b).abs().max() / b.abs().max()).item<double>(), 1e-5);
}

TEST(GuidedVideoDenoiser, TextAlone) {
  const Rows rows(false);
  const at::Tensor n = rows.row(false, false), p = rows.row(true, false);
  expect_close(rows.guided({.scale = 4}), n + 4 * (p - n));
  expect_close(rows.guided({.scale = 1}), p);
}

TEST(GuidedVideoDenoiser, TextAndGivenFrames) {
  const Rows rows(true);
  const at::Tensor n = rows.row(false, false), p = rows.row(true, false), c = rows.row(true, true);
  expect_close(rows.guided({.scale = 4, .context = 1.5}), n + 4 * (p - n) + 1.5 * (c - p));
  expect_close(rows.guided({.scale = 4, .context = 1}), n + 4 * (p - n) + (c - p));
  // The paper's formula, and without any guidance the prediction itself.
  expect_close(rows.guided({.scale = 1, .context = 1.5}), p + 1.5 * (c - p));
  expect_close(rows.guided({.scale = 1, .context = 1}), c);
}

TEST(GuidedVideoDenoiser, TemporalLayersKeepTheirOwnText) {
  Rows rows(false);
  rows.batch.inputs.time_text = gaussian({2, 3, 12}, 10);
  const at::Tensor p = rows.row(true, false);
  rows.batch.inputs.text = rows.negative.expand({2, 3, 12});
  rows.batch.inputs.time_text = rows.batch.inputs.text;
  const at::Tensor n = rows.row(true, false);
  rows.batch.inputs.text = rows.batch.text;
  rows.batch.inputs.time_text = gaussian({2, 3, 12}, 10);
  expect_close(rows.guided({.scale = 4}), n + 4 * (p - n));
}

}  // namespace
}  // namespace cambium::video_ldm
