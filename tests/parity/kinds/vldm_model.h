#pragma once
// Video models as golden files describe them: an image U-Net and temporal layers, filled.
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "models/video_ldm/temporal_layers.h"
#include "models/video_ldm/video_denoiser.h"
#include "parity/golden.h"

namespace cambium::parity {

struct VideoModel {
  std::shared_ptr<latent_diffusion::UNet> unet;  // frozen
  std::shared_ptr<video_ldm::TemporalLayers> layers;

  video_ldm::VideoDenoiser with(const video_ldm::VideoInputs& inputs) const { return {unet, layers, inputs}; }
};

// Of the config's theta_config.
VideoModel build_video_model(const Json& config, video_ldm::TemporalOptions options = {});

// inp(name, shape) = 2 sqrt(3) (uniform(name) - 0.5): made-up inputs of variance 1.
at::Tensor inp(const std::string& name, at::IntArrayRef shape);

// The loss that the config's "loss" names, "mean(out^2)" with whatever stands behind a comma.
at::Tensor loss_named(const Json& config, const at::Tensor& out);

}  // namespace cambium::parity
