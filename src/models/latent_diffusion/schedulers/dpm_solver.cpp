// DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095), multistep, deterministic and stochastic.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/spacing.h"

namespace cambium::latent_diffusion {

namespace {

class DpmSolver : public Scheduler {
 public:
  using Scheduler::Scheduler;
  bool draws_noise(int64_t) const override { return options_.sde; }

 protected:
  Level level(int64_t i) const override {
    const float signal = 1 / std::sqrt(sigma(i) * sigma(i) + 1);
    return {signal, sigma(i) * signal};
  }

  Walk lay_out(int64_t steps) const override {
    const std::vector<float> table = sigma_table(alpha_bars());
    Walk walk;
    if (options_.sigmas == SigmaSpacing::timesteps) {
      walk.timesteps = evenly_spaced(steps);
      for (const double level : interpolate(table, walk.timesteps)) walk.sigmas.push_back(static_cast<float>(level));
    } else {
      for (const double level : spaced_sigmas(table, steps)) {
        walk.timesteps.push_back(whole(timestep_of_sigma(level, table)));
        walk.sigmas.push_back(static_cast<float>(level));
      }
    }
    walk.sigmas.push_back(options_.end_at_sigma_min ? table.front() : 0.0F);
    return walk;
  }

  at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) override {
    auto& clean = memory_.outputs;
    clean.push_back(thresholded(clean_estimate(output, i, x)));
    if (static_cast<int64_t>(clean.size()) > options_.solver_order) clean.erase(clean.begin());
    return solve(order_of_step(i), i, x, noise);
  }

 private:
  // One point more than steps, the lowest of which is left out; trailing has none to spare.
  std::vector<double> evenly_spaced(int64_t steps) const {
    const Spacing spacing = options_.spacing_used();
    const bool trails = spacing == Spacing::trailing;
    std::vector<double> values =
        spaced_timesteps(spacing, schedule_.timesteps(), trails ? steps : steps + 1, options_.steps_offset);
    if (!trails) values.pop_back();
    return values;
  }

  std::vector<double> spaced_sigmas(const std::vector<float>& table, int64_t steps) const {
    const double low = options_.sigma_min.value_or(static_cast<double>(table.front()));
    const double high = options_.sigma_max.value_or(static_cast<double>(table.back()));
    return options_.sigmas == SigmaSpacing::karras ? karras_sigmas(low, high, steps)
                                                   : exponential_sigmas(low, high, steps);
  }

  // Networks are told whole timesteps: rounded, or in the two cases where the original does not round, cut.
  double whole(double timestep) const {
    const bool rounds = options_.sigmas != SigmaSpacing::exponential && options_.noise.curve != BetaCurve::cosine;
    return rounds ? std::nearbyint(timestep) : std::floor(timestep);
  }

  // Clipping is not this sampler's, even where the configuration was another's.
  at::Tensor thresholded(const at::Tensor& clean) const { return options_.thresholding ? bounded(clean) : clean; }

  // The first steps lack earlier outputs; the last ones are unstable at high order when there are few steps, and
  // meaningless when they end without noise.
  int64_t order_of_step(int64_t i) const {
    const bool few = options_.lower_order_final && timesteps().size() < 15;
    const bool falls = options_.euler_at_final || few || !options_.end_at_sigma_min;
    int64_t order = std::min<int64_t>(options_.solver_order, static_cast<int64_t>(memory_.outputs.size()));
    if (i == last() && falls) order = 1;
    if (i == last() - 1 && few) order = std::min<int64_t>(order, 2);
    return order;
  }

  // Section 4 and appendix B: x moved by exact integration of a polynomial through the last `order` clean samples in
  // lambda. The stochastic form integrates twice as far and adds the noise back.
  at::Tensor solve(int64_t order, int64_t i, const at::Tensor& x, const at::Tensor& noise) const {
    const Level from = level(i), to = level(i + 1);
    const float h = lambda(i + 1) - lambda(i), span = options_.sde ? 2 * h : h;
    const float decay = std::exp(-span) - 1;  // phi_1 up to its sign and span
    float keep = to.noise / from.noise;
    if (options_.sde) keep *= std::exp(-h);
    at::Tensor next = keep * x - to.signal * decay * back(0);
    if (order == 2) next = next + to.signal * slope_weight(decay, span) * slope(0, h, i);
    if (order == 3) next = next + third_order(to.signal, decay, span, h, i);
    return options_.sde ? next + to.noise * std::sqrt(-decay) * noise : next;
  }

  float slope_weight(float decay, float span) const {
    return options_.solver == Solver::midpoint ? -0.5F * decay : decay / span + 1;
  }

  at::Tensor third_order(float signal, float decay, float span, float h, int64_t i) const {
    const float r0 = stride(i, 0) / h, r1 = stride(i, 1) / h;
    const at::Tensor near = slope(0, h, i), far = slope(1, h, i);
    const at::Tensor first = near + r0 / (r0 + r1) * (near - far), second = (near - far) / (r0 + r1);
    return signal * (decay / span + 1) * first - signal * ((decay + span) / (span * span) - 0.5F) * second;
  }

  at::Tensor back(size_t k) const { return memory_.outputs[memory_.outputs.size() - 1 - k]; }
  // Half the logarithm of the signal-to-noise ratio at step i; infinite behind the last one where that is clean.
  float lambda(int64_t i) const {
    const auto [signal, noise] = level(i);
    return std::log(signal) - std::log(noise);
  }
  // lambda between the k-th step before this one and the one before that.
  float stride(int64_t i, int64_t k) const { return lambda(i - k) - lambda(i - k - 1); }
  // The change of the clean sample there, as if over this step.
  at::Tensor slope(size_t k, float h, int64_t i) const {
    return h / stride(i, static_cast<int64_t>(k)) * (back(k) - back(k + 1));
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_dpm_solver(const SchedulerOptions& options) {
  return std::make_unique<DpmSolver>(options);
}

}  // namespace cambium::latent_diffusion
