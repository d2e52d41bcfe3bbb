#include "models/latent_diffusion/image_denoiser.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <fmt/format.h>

#include "core/error.h"

namespace cambium::latent_diffusion {

namespace {

// The same rows for the negative and for the positive half of a batch.
at::Tensor twice(const at::Tensor& rows, bool guided) {
  return guided && rows.defined() ? at::cat({rows, rows}) : rows;
}

}  // namespace

Denoiser image_denoiser(std::shared_ptr<const UNet> unet, const ImageConditions& conditions, const Guidance& guidance) {
  const at::NoGradGuard guard;
  guidance.validate();
  const bool guided = guidance.asks_negative();
  if (guided && !conditions.negative.defined())
    throw UsageError({.what = fmt::format("guidance of {} needs a negative prompt", guidance.scale)});
  const at::Tensor context = guided ? at::cat({conditions.negative, conditions.positive}) : conditions.positive;
  const auto cache = std::make_shared<const ContextCache>(unet->project(context));
  const at::Tensor behind = twice(conditions.behind, guided), labels = twice(conditions.class_labels, guided);
  return [unet = std::move(unet), cache, context, behind, labels, guidance, guided](const at::Tensor& input, double t) {
    at::Tensor x = twice(input, guided);
    if (behind.defined()) x = at::cat({x, behind}, 1);
    const at::Tensor timestep = at::full({1}, t, x.options().dtype(at::kFloat));
    const at::Tensor output = unet->forward(x, timestep, context, {.class_labels = labels, .context = cache.get()});
    return guided ? guide(output, guidance) : output;
  };
}

ImageConditions upscaling_conditions(const at::Tensor& low_resolution, const at::Tensor& noise, int64_t level,
                                     const NoiseSchedule& schedule) {
  if (level < 0 || level >= schedule.timesteps())
    throw UsageError({.what = fmt::format("there is no noise level {}", level),
                      .field = "noise_level",
                      .mend = fmt::format("give 0 to {}; 20 is usual", schedule.timesteps() - 1)});
  const at::Tensor levels = at::full({low_resolution.size(0)}, level, low_resolution.options().dtype(at::kLong));
  return {.behind = schedule.add_noise(low_resolution, noise, levels), .class_labels = levels};
}

NoiseOptions upscaler_noise() { return {.beta_start = 0.0001, .beta_end = 0.02}; }

}  // namespace cambium::latent_diffusion
