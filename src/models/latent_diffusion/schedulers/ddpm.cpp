// Ancestral sampling of DDPM (Ho et al. 2020, arXiv 2006.11239), equation 7.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/spacing.h"

namespace cambium::latent_diffusion {

namespace {

class Ddpm : public Scheduler {
 public:
  using Scheduler::Scheduler;
  // Timestep 1, the last one where steps_offset is 1, still adds some.
  bool draws_noise(int64_t i) const override { return timestep(i) > 0; }

 protected:
  Walk lay_out(int64_t steps) const override {
    return {spaced_timesteps(options_.spacing_used(), schedule_.timesteps(), steps, options_.steps_offset)};
  }

  at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) override {
    const float ab = alpha_bar(timestep(i)), next = i == last() ? 1.0F : alpha_bar(timestep(i + 1));
    const float alpha = ab / next, beta = 1 - alpha;  // of this one stride
    const at::Tensor clean = bounded(clean_estimate(output, i, x));
    const at::Tensor mean = std::sqrt(next) * beta / (1 - ab) * clean + std::sqrt(alpha) * (1 - next) / (1 - ab) * x;
    if (!draws_noise(i)) return mean;
    const bool small = options_.variance == Variance::fixed_small;
    return mean + std::sqrt(small ? std::max((1 - next) / (1 - ab) * beta, 1e-20F) : beta) * noise;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_ddpm(const SchedulerOptions& options) { return std::make_unique<Ddpm>(options); }

}  // namespace cambium::latent_diffusion
