// Euler's method along the probability flow (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without its correction).
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/sigmas.h"
#include "models/latent_diffusion/schedulers/spacing.h"

namespace cambium::latent_diffusion {

namespace {

class Euler : public SigmaScheduler {
 public:
  using SigmaScheduler::SigmaScheduler;
  bool draws_noise(int64_t i) const override { return gamma(i) > 0; }

 protected:
  Walk lay_out(int64_t steps) const override {
    const std::vector<float> table = sigma_table(alpha_bars());
    Walk walk{spaced_timesteps(options_.spacing_used(), schedule_.timesteps(), steps, options_.steps_offset,
                               /*rounded=*/false)};
    std::vector<double> levels = interpolate(table, walk.timesteps);
    if (options_.sigmas == SigmaSpacing::karras || options_.sigmas == SigmaSpacing::exponential) {
      // The range is that of the spaced levels, not of the whole table.
      const double low = options_.sigma_min.value_or(levels.back()), high = options_.sigma_max.value_or(levels.front());
      levels = options_.sigmas == SigmaSpacing::karras ? karras_sigmas(low, high, steps)
                                                       : exponential_sigmas(low, high, steps);
      for (size_t i = 0; i < levels.size(); ++i)
        walk.timesteps[i] = static_cast<double>(static_cast<float>(timestep_of_sigma(levels[i], table)));
    }
    for (const double level : levels) walk.sigmas.push_back(static_cast<float>(level));
    if (options_.tells_sigma()) {
      for (size_t i = 0; i < levels.size(); ++i)
        walk.timesteps[i] = static_cast<double>(0.25F * std::log(walk.sigmas[i]));
    }
    walk.sigmas.push_back(options_.end_at_sigma_min ? table.front() : 0.0F);
    return walk;
  }

  at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) override {
    const float own = sigma(i), raise = gamma(i), raised = own * (raise + 1);
    at::Tensor from = x;
    if (raise > 0) from = x + static_cast<float>(options_.churn_noise) * std::sqrt(raised * raised - own * own) * noise;
    const at::Tensor slope = (from - clean_of(output, from, raised, own)) / raised;
    return from + slope * (sigma(i + 1) - raised);
  }

 private:
  // By how much churn raises the noise level of step i, as a share of it.
  float gamma(int64_t i) const {
    const auto own = static_cast<double>(sigma(i));
    if (own < options_.churn_min || own > options_.churn_max) return 0;
    return static_cast<float>(
        std::min(options_.churn / static_cast<double>(timesteps().size()), std::numbers::sqrt2 - 1));
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_euler(const SchedulerOptions& options) { return std::make_unique<Euler>(options); }

}  // namespace cambium::latent_diffusion
