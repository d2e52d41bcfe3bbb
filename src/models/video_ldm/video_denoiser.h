#pragma once
// An image U-Net with temporal layers in it, for one batch of videos: what a sampler calls step by step, and what
// training calls once.
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "models/latent_diffusion/unet.h"
#include "models/video_ldm/temporal_layers.h"

namespace cambium::video_ldm {

// All that is constant while a batch of videos is made. b videos of t frames.
struct VideoInputs {
  int64_t frames = 1;
  at::Tensor text = {};          // [b, L, D], what the image layers read
  at::Tensor time_text = {};     // [b, L, D], what the temporal layers read; default `text`
  at::Tensor context = {};       // c_S [b, t, c + 1, h, w], of models that read given frames
  at::Tensor image_only = {};    // [b, t] bool: frames that are images of their own
  at::Tensor frame_rates = {};   // [b] int64, of models with frame_rates
  at::Tensor class_labels = {};  // [b] int64, of U-Nets with classes: the upscaler's noise level, one a video
  at::Tensor low_res = {};       // [b, t, k, h, w] behind x's channels, frame by frame: the upscaler's noisy frames
  at::Tensor positions = {};     // [t], default 0, 1, ...
  std::optional<int64_t> reach = std::nullopt;
};

class VideoDenoiser {
 public:
  // `layers` null, or every frame image_only: the image model alone, frame by frame, exactly. What does not change from
  // step to step is computed here. Where gradients are recorded it must live until the backward pass is done, and
  // serves one forward pass. Error where the inputs do not fit the models.
  VideoDenoiser(std::shared_ptr<const latent_diffusion::UNet> unet, std::shared_ptr<const TemporalLayers> layers,
                const VideoInputs& inputs);

  // x [b, t, c, h, w], timesteps [b] or [1], fractions welcome -> the prediction [b, t, c', h, w] in x's dtype
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& timesteps) const;

 private:
  std::shared_ptr<const latent_diffusion::UNet> unet_;
  std::shared_ptr<const TemporalLayers> layers_;
  int64_t frames_;
  at::Tensor text_, low_res_;
  std::unique_ptr<latent_diffusion::Injection> pass_;        // or null
  std::optional<latent_diffusion::ContextCache> projected_;  // of the text, where no gradients are recorded
  latent_diffusion::UNetExtras extras_;
};

}  // namespace cambium::video_ldm
