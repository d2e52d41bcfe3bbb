// Euler's method a little further down than the next noise level, and fresh noise back up to it (k-diffusion).
#include <ATen/TensorOperators.h>

#include <cmath>

#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/sigmas.h"
#include "models/latent_diffusion/schedulers/spacing.h"

namespace cambium::latent_diffusion {

namespace {

class EulerAncestral : public SigmaScheduler {
 public:
  using SigmaScheduler::SigmaScheduler;
  // At the last step the noise is multiplied by 0.
  bool draws_noise(int64_t i) const override { return sigma(i + 1) > 0; }

 protected:
  Walk lay_out(int64_t steps) const override {
    Walk walk{spaced_timesteps(options_.spacing_used(), schedule_.timesteps(), steps, options_.steps_offset,
                               /*rounded=*/false)};
    for (const double level : interpolate(sigma_table(alpha_bars()), walk.timesteps))
      walk.sigmas.push_back(static_cast<float>(level));
    walk.sigmas.push_back(0);
    return walk;
  }

  at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) override {
    const float from = sigma(i), to = sigma(i + 1);
    const float up = std::sqrt(to * to * (from * from - to * to) / (from * from));
    const float down = std::sqrt(to * to - up * up);
    const at::Tensor slope = (x - clean_of(output, x, from, from)) / from;
    const at::Tensor next = x + slope * (down - from);
    return up > 0 ? next + up * noise : next;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_euler_ancestral(const SchedulerOptions& options) {
  return std::make_unique<EulerAncestral>(options);
}

}  // namespace cambium::latent_diffusion
