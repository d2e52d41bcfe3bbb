// DDIM (Song et al. 2021, arXiv 2010.02502), equation 12.
#include <ATen/TensorOperators.h>

#include <cmath>

#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/predicted.h"
#include "models/latent_diffusion/schedulers/spacing.h"

namespace cambium::latent_diffusion {

namespace {

class Ddim : public Scheduler {
 public:
  using Scheduler::Scheduler;
  bool draws_noise(int64_t) const override { return options_.eta > 0; }

 protected:
  Walk lay_out(int64_t steps) const override {
    return {spaced_timesteps(options_.spacing_used(), schedule_.timesteps(), steps, options_.steps_offset)};
  }

  at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) override {
    const float ab = alpha_bar(timestep(i)), next = next_alpha_bar(i);
    const auto [signal, level_of_noise] = level(i);
    const at::Tensor clean = bounded(clean_estimate(output, i, x));
    // Not derived from the clipped sample unless asked for, as in the original.
    const at::Tensor direction = options_.rederive_noise
                                     ? predicted_noise(Prediction::sample, clean, x, signal, level_of_noise)
                                     : predicted_noise(options_.prediction, output, x, signal, level_of_noise);
    const float spread =
        static_cast<float>(options_.eta) * std::sqrt((1 - next) / (1 - ab) * (1 - ab / next));  // equation 16
    at::Tensor result = std::sqrt(next) * clean + std::sqrt(1 - next - spread * spread) * direction;
    return options_.eta > 0 ? result + spread * noise : result;
  }

 private:
  // An even walk: where the list is uneven (linspace) the next timestep is still one stride away, as in the original.
  float next_alpha_bar(int64_t i) const {
    const int64_t next = timestep(i) - schedule_.timesteps() / steps();
    if (next >= 0) return alpha_bar(next);
    return options_.alpha_to_one ? 1.0F : alpha_bar(0);
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_ddim(const SchedulerOptions& options) { return std::make_unique<Ddim>(options); }

}  // namespace cambium::latent_diffusion
