#include "models/latent_diffusion/sampler.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/random.h"

namespace cambium::latent_diffusion {

at::Tensor sample(Scheduler& scheduler, const Denoiser& denoiser, at::Tensor x, const SamplingOptions& options) {
  const at::NoGradGuard guard;
  const auto steps = static_cast<int64_t>(scheduler.timesteps().size());
  std::optional<Progress> progress;
  if (!options.label.empty()) progress.emplace(options.label, steps, "steps", options.begin);
  x = x.to(at::kFloat);
  for (int64_t i = options.begin; i < steps; ++i) {
    const double t = scheduler.timesteps()[static_cast<size_t>(i)];
    const at::Tensor output = denoiser(scheduler.scale_model_input(x, i), t);
    at::Tensor noise;
    if (scheduler.draws_noise(i)) noise = options.noise(i).to(x.device());
    const at::Tensor clean = options.after_step ? scheduler.clean_estimate(output, i, x) : at::Tensor();
    x = scheduler.step(output, i, x, noise);
    if (progress) progress->update(i + 1);
    if (options.after_step) options.after_step({.step = i, .steps = steps, .timestep = t, .x = x, .clean = clean});
    if (i + 1 < steps) interrupt::check();
  }
  return x;
}

int64_t first_step(int64_t steps, double strength) {
  if (!(strength > 0 && strength <= 1))
    throw UsageError({.what = fmt::format("{} is no strength", strength),
                      .field = "strength",
                      .mend = "give a number above 0 and up to 1"});
  const int64_t walked = std::min(static_cast<int64_t>(static_cast<double>(steps) * strength), steps);
  if (walked == 0)
    throw UsageError({.what = fmt::format("strength {} leaves none of {} steps", strength, steps),
                      .field = "strength",
                      .mend = "give more strength or more steps"});
  return steps - walked;
}

ItemNoise::ItemNoise(std::vector<uint64_t> seeds, std::vector<int64_t> item_shape)
    : seeds_(std::move(seeds)), item_shape_(std::move(item_shape)) {}

at::Tensor ItemNoise::draw(const std::string& purpose, int64_t index) const {
  std::vector<at::Tensor> items;
  for (const uint64_t seed : seeds_) {
    at::Generator generator = make_generator(mix_seed(seed, purpose, static_cast<uint64_t>(index)));
    at::Tensor item = at::empty(item_shape_);
    items.push_back(normal_(item, 0, 1, generator));
  }
  return at::stack(items);
}

}  // namespace cambium::latent_diffusion
