#pragma once
// An image U-Net as the sampler's denoiser: text, guidance, and what the x4 upscaler is told besides.
#include <ATen/core/Tensor.h>

#include <memory>

#include "models/latent_diffusion/guidance.h"
#include "models/latent_diffusion/noise_schedule.h"
#include "models/latent_diffusion/sampler.h"
#include "models/latent_diffusion/unet.h"

namespace cambium::latent_diffusion {

// Rows serve the latents' rows: one row serves them all.
struct ImageConditions {
  at::Tensor positive = {};  // text [1 or N, L, D]
  at::Tensor negative = {};  // of the same shape; not needed where guidance does not ask it
  at::Tensor behind = {};    // [N, c, h, w], channels behind the latents: the upscaler's noisy low-resolution picture
  at::Tensor class_labels = {};  // [N] int64: the upscaler's noise level
};

// Guided predictions for latents [N, C, h, w]. Both prompts are one batch, negative first; the text's keys and values
// are computed here, once for all steps. UsageError where guidance asks a negative prompt and there is none.
Denoiser image_denoiser(std::shared_ptr<const UNet> unet, const ImageConditions& conditions, const Guidance& guidance);

// What the x4 upscaler is conditioned on: a picture [N, 3, h, w] in [-1, 1] at the latents' resolution, noised by the
// upscaler's own schedule to `level` (0 to 350 were trained). UsageError for a level outside the schedule.
ImageConditions upscaling_conditions(const at::Tensor& low_resolution, const at::Tensor& noise, int64_t level,
                                     const NoiseSchedule& schedule);
// That schedule: scaled_linear 0.0001 to 0.02.
NoiseOptions upscaler_noise();

}  // namespace cambium::latent_diffusion
