#pragma once
// What the networks of latent diffusion are trained on: image models item by item, video models video by video
// (Rombach et al. 2022, Eq. 3; Blattmann et al. 2023, Eq. 2).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>

#include "models/latent_diffusion/noise_schedule.h"

namespace cambium::latent_diffusion {

struct DenoisingLossOptions {
  Prediction prediction = Prediction::epsilon;
  std::optional<double> min_snr_gamma = std::nullopt;  // weigh timesteps by min-SNR (Hang et al. 2023); 5 there
};

// One training batch: clean latents and standard normal noise [N, ...], one timestep [N] int64 for each item (a video
// has one for all its frames).
struct DenoisingBatch {
  at::Tensor clean, noise, timesteps;
};

// The mean over the items of weight(t) times the item's mean squared error, all of an item's numbers alike.
// output [N, ...], what the network made of schedule.add_noise(clean, noise, timesteps) -> 0-D float32 (float64 of
// float64)
at::Tensor denoising_loss(const at::Tensor& output, const DenoisingBatch& batch, const NoiseSchedule& schedule,
                          const DenoisingLossOptions& options = {});

// Uniform over the schedule. -> [N] int64
at::Tensor draw_timesteps(int64_t count, const NoiseSchedule& schedule, at::Generator& generator);

// Each row of `text` [N, L, D] replaced by `empty` [1 or N, L, D] with odds p, for guidance without a classifier (Ho
// and Salimans 2022, arXiv 2207.12598).
at::Tensor drop_text(const at::Tensor& text, const at::Tensor& empty, double p, at::Generator& generator);

}  // namespace cambium::latent_diffusion
