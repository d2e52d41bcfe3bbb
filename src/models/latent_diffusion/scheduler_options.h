#pragma once
// Which sampler walks back from noise, and how: diffusers' scheduler_config.json as a struct.
#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "models/latent_diffusion/noise_schedule.h"

namespace cambium::latent_diffusion {

enum class SchedulerKind {
  ddim,             // Song et al. 2021, arXiv 2010.02502
  ddpm,             // Ho et al. 2020, arXiv 2006.11239
  pndm,             // Liu et al. 2022, arXiv 2202.09778; without Runge-Kutta steps it is the LDM code's PLMS
  euler,            // Karras et al. 2022, arXiv 2206.00364, algorithm 2 without the second-order correction
  euler_ancestral,  // k-diffusion's
  dpm_solver,       // DPM-Solver++ multistep, Lu et al. 2022, arXiv 2211.01095; ODE and SDE
};

// How N timesteps are chosen among the T trained ones.
enum class Spacing { leading, trailing, linspace };

// Where the noise levels of `euler` and `dpm_solver` lie.
enum class SigmaSpacing {
  timesteps,    // at the chosen timesteps
  karras,       // Karras et al. 2022, eq. 5, rho = 7
  exponential,  // evenly in their logarithm
  lu,           // the same, with rounded timesteps (diffusers' use_lu_lambdas)
};

enum class Variance { fixed_small, fixed_large };  // ddpm
enum class Solver { midpoint, heun };              // dpm_solver of second order

// The defaults are Stable Diffusion's. Fields that a kind does not read are ignored, so that one configuration serves
// every kind.
struct SchedulerOptions {
  SchedulerKind kind = SchedulerKind::ddim;
  NoiseOptions noise = {};
  Prediction prediction = Prediction::epsilon;
  // Absent: the kind's own, leading for ddim, ddpm and pndm and linspace for the others.
  std::optional<Spacing> spacing = std::nullopt;
  int64_t steps_offset = 1;  // added to leading timesteps

  // ddim, pndm: behind the last timestep lies a clean sample (true) or timestep 0.
  bool alpha_to_one = false;
  // ddim, ddpm, dpm_solver (thresholding alone): bounds on the predicted clean sample.
  bool clip_sample = false;
  double clip_range = 1;
  bool thresholding = false;  // dynamic (Saharia et al. 2022, arXiv 2205.11487, section 2.3), instead of clipping
  double threshold_ratio = 0.995, threshold_max = 1;

  double eta = 0;               // ddim: 1 is as noisy as ddpm
  bool rederive_noise = false;  // ddim: take the noise anew from the clipped sample
  Variance variance = Variance::fixed_small;
  bool runge_kutta_start = false;  // pndm

  SigmaSpacing sigmas = SigmaSpacing::timesteps;
  std::optional<double> sigma_min = std::nullopt, sigma_max = std::nullopt;  // of karras and exponential
  bool end_at_sigma_min = false;      // euler, dpm_solver: end at the schedule's lowest noise instead of none
  bool continuous_time = false;       // euler with velocity: the network is told 0.25 ln(sigma)
  double churn = 0, churn_noise = 1;  // euler: noise added before each step, of sigma in [churn_min, churn_max]
  double churn_min = 0, churn_max = std::numeric_limits<double>::infinity();

  int64_t solver_order = 2;  // dpm_solver, 1 to 3; its stochastic form to 2
  Solver solver = Solver::midpoint;
  bool sde = false;
  bool lower_order_final = true, euler_at_final = false;

  Spacing spacing_used() const;
  // Whether the network is told the noise level's logarithm instead of a timestep (Stable Video Diffusion).
  bool tells_sigma() const {
    return kind == SchedulerKind::euler && continuous_time && prediction == Prediction::velocity;
  }
  // UsageError, one sentence naming the field.
  void validate() const;
};

// "ddim", "ddpm", "pndm", "euler", "euler_a", "dpmpp", "dpmpp_sde" (dpm_solver with `sde`): the command's and the
// recipes' words. Sets kind and sde alone. UsageError naming the known words.
void set_kind(SchedulerOptions& options, const std::string& name);
std::string kind_name(const SchedulerOptions& options);

// Of the fields of a diffusers configuration; absent fields have the class's defaults there, unknown ones are ignored.
// `kind` by its "_class_name" (DDIMScheduler, ...) where there is one, else as given. UsageError: a class or a word
// that is unknown, a field of the wrong type.
SchedulerOptions scheduler_options(const nlohmann::json& config, SchedulerKind kind = SchedulerKind::ddim);
// The other way: the fields that differ from nothing are all written.
nlohmann::json to_json(const SchedulerOptions& options);

}  // namespace cambium::latent_diffusion
