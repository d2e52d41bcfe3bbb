#pragma once
// What the samplers that count in noise levels (sigma = noise over signal) share.
#include "models/latent_diffusion/scheduler.h"

namespace cambium::latent_diffusion {

// x = clean + sigma * noise; networks are given x / sqrt(sigma^2 + 1).
class SigmaScheduler : public Scheduler {
 public:
  using Scheduler::Scheduler;
  // The highest sigma, or with leading timesteps sqrt(sigma^2 + 1).
  double init_noise_sigma() const override;
  at::Tensor scale_model_input(const at::Tensor& x, int64_t i) const override;
  at::Tensor clean_estimate(const at::Tensor& output, int64_t i, const at::Tensor& x) const override;

 protected:
  Level level(int64_t i) const override { return {1, sigma(i)}; }
  // The clean sample that `output` means for x at noise level `at`; a velocity is read at the step's own level, also
  // where churn has raised x above it.
  at::Tensor clean_of(const at::Tensor& output, const at::Tensor& x, float at, float step_sigma) const;
};

}  // namespace cambium::latent_diffusion
