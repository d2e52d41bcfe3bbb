#include "models/latent_diffusion/denoising_loss.h"

#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/where.h>

namespace cambium::latent_diffusion {

at::Tensor denoising_loss(const at::Tensor& output, const DenoisingBatch& batch, const NoiseSchedule& schedule,
                          const DenoisingLossOptions& options) {
  const auto dtype = output.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor target = schedule.target(options.prediction, batch.clean, batch.noise, batch.timesteps);
  at::Tensor errors = (output.to(dtype) - target.to(dtype)).square().flatten(1).mean(1);  // [N]
  if (options.min_snr_gamma) {
    const at::Tensor table = schedule.min_snr_weights(options.prediction, *options.min_snr_gamma);
    errors = errors * table.to(errors.device()).index_select(0, batch.timesteps).to(dtype);
  }
  return errors.mean();
}

at::Tensor draw_timesteps(int64_t count, const NoiseSchedule& schedule, at::Generator& generator) {
  return at::randint(schedule.timesteps(), {count}, generator, at::TensorOptions().dtype(at::kLong));
}

at::Tensor drop_text(const at::Tensor& text, const at::Tensor& empty, double p, at::Generator& generator) {
  const at::Tensor dropped = at::rand({text.size(0), 1, 1}, generator).lt(p).to(text.device());
  return at::where(dropped, empty, text);
}

}  // namespace cambium::latent_diffusion
