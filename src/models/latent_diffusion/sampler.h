#pragma once
// The sampling loop, for tensors of any rank: images, videos, latents or pixels.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/latent_diffusion/scheduler.h"

namespace cambium::latent_diffusion {

// What the scheduler's scaled input [N, ...] means at timestep t: noise, velocity or sample, guided already.
using Denoiser = std::function<at::Tensor(const at::Tensor& input, double t)>;

struct StepReport {
  int64_t step = 0;   // the one just finished, from 0
  int64_t steps = 0;  // of the whole walk
  double timestep = 0;
  const at::Tensor& x;      // after the step: what sampling goes on from
  const at::Tensor& clean;  // the clean sample that the network saw in x: what a preview shows
};

struct SamplingOptions {
  int64_t begin = 0;  // first step: later than 0 for image to image and to resume
  // Standard normal noise of x's shape for a step; asked where the scheduler draws some.
  std::function<at::Tensor(int64_t step)> noise = {};
  // Behind every step, before a requested stop is obeyed: previews, saving.
  std::function<void(const StepReport&)> after_step = {};
  std::string label = "";  // of the progress bar; "": none
};

// x [N, ...] at the beginning of step options.begin -> the sample, float32. The scheduler is laid out (set_timesteps),
// and its memory is that of step options.begin. Without gradients. Throws Interrupted between two steps.
at::Tensor sample(Scheduler& scheduler, const Denoiser& denoiser, at::Tensor x, const SamplingOptions& options = {});

// The step where image to image begins: the last int(steps * strength) of `steps` are walked. UsageError: strength
// outside (0, 1], or so low that no step is left.
int64_t first_step(int64_t steps, double strength);

// Noise that is a function of each item's seed and of the step alone: an item is the same in every batch, and sampling
// resumes without saved generators. Drawn on the CPU, so that devices agree.
class ItemNoise {
 public:
  // item_shape without the batch dimension.
  ItemNoise(std::vector<uint64_t> seeds, std::vector<int64_t> item_shape);
  at::Tensor initial() const { return draw("initial noise", 0); }  // [N, ...]
  at::Tensor at_step(int64_t step) const { return draw("step noise", step); }
  // For another purpose: noise on a low-resolution picture, a posterior's sample.
  at::Tensor draw(const std::string& purpose, int64_t index) const;

 private:
  std::vector<uint64_t> seeds_;
  std::vector<int64_t> item_shape_;
};

}  // namespace cambium::latent_diffusion
