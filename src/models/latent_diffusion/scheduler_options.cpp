#include "models/latent_diffusion/scheduler_options.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/latent_diffusion/words.h"

namespace cambium::latent_diffusion {

namespace {

using nlohmann::json;

constexpr std::array kClasses = {Word{"DDIMScheduler", SchedulerKind::ddim},
                                 Word{"DDPMScheduler", SchedulerKind::ddpm},
                                 Word{"PNDMScheduler", SchedulerKind::pndm},
                                 Word{"EulerDiscreteScheduler", SchedulerKind::euler},
                                 Word{"EulerAncestralDiscreteScheduler", SchedulerKind::euler_ancestral},
                                 Word{"DPMSolverMultistepScheduler", SchedulerKind::dpm_solver}};
constexpr std::array kSpacings = {Word{"leading", Spacing::leading}, Word{"trailing", Spacing::trailing},
                                  Word{"linspace", Spacing::linspace}};
constexpr std::array kSolvers = {Word{"midpoint", Solver::midpoint}, Word{"heun", Solver::heun}};
constexpr std::array kAlgorithms = {Word{"dpmsolver++", false}, Word{"sde-dpmsolver++", true}};
// The logarithmic form of the smallest variance is the same number.
constexpr std::array kVariances = {Word{"fixed_small", Variance::fixed_small},
                                   Word{"fixed_large", Variance::fixed_large},
                                   Word{"fixed_small_log", Variance::fixed_small}};
constexpr std::array kFinalSigmas = {Word{"zero", false}, Word{"sigma_min", true}};
constexpr std::array kTimes = {Word{"discrete", false}, Word{"continuous", true}};

struct Kind {
  SchedulerKind kind;
  bool sde;
  bool operator==(const Kind&) const = default;
};
constexpr std::array kKinds = {Word{"ddim", Kind{SchedulerKind::ddim, false}},
                               Word{"ddpm", Kind{SchedulerKind::ddpm, false}},
                               Word{"pndm", Kind{SchedulerKind::pndm, false}},
                               Word{"euler", Kind{SchedulerKind::euler, false}},
                               Word{"euler_a", Kind{SchedulerKind::euler_ancestral, false}},
                               Word{"dpmpp", Kind{SchedulerKind::dpm_solver, false}},
                               Word{"dpmpp_sde", Kind{SchedulerKind::dpm_solver, true}}};

void require(bool holds, const std::string& what, const char* field, const char* mend) {
  if (!holds) throw UsageError({.what = what, .field = field, .mend = mend});
}

// Takes a field where it is given and not null.
class Fields {
 public:
  explicit Fields(const json& config) : config_(config) {
    if (!config.is_object()) throw UsageError({.what = "a scheduler's configuration is not a JSON object"});
  }

  template <class T>
  void take(const char* key, T& value) const {
    if (const json* found = find(key)) value = convert<T>(*found, key);
  }
  template <class T>
  void take(const char* key, std::optional<T>& value) const {
    if (const json* found = find(key)) value = convert<T>(*found, key);
  }
  template <class Words, class T>
  void take_word(const char* key, const Words& words, T& value) const {
    if (const json* found = find(key)) value = parse_word(words, convert<std::string>(*found, key), key);
  }
  bool is_number(const char* key) const {
    const json* found = find(key);
    return found && found->is_number();
  }
  bool flag(const char* key) const {
    bool value = false;
    take(key, value);
    return value;
  }

 private:
  const json* find(const char* key) const {
    const auto found = config_.find(key);
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }
  template <class T>
  static T convert(const json& value, const char* key) {
    try {
      return value.get<T>();
    } catch (const json::exception&) {
      throw UsageError({.what = "the scheduler's configuration has a value of the wrong type", .field = key});
    }
  }

  const json& config_;
};

NoiseOptions noise_options(const Fields& fields) {
  NoiseOptions noise{.curve = BetaCurve::linear, .beta_start = 0.0001, .beta_end = 0.02};
  std::string curve = to_string(noise.curve);
  fields.take("num_train_timesteps", noise.train_timesteps);
  fields.take("beta_start", noise.beta_start);
  fields.take("beta_end", noise.beta_end);
  fields.take("beta_schedule", curve);
  fields.take("trained_betas", noise.trained_betas);
  fields.take("rescale_betas_zero_snr", noise.zero_terminal_snr);
  noise.curve = parse_beta_curve(curve);
  if (!noise.trained_betas.empty()) noise.train_timesteps = static_cast<int64_t>(noise.trained_betas.size());
  return noise;
}

// What some configurations ask for and no sampler here does: silence would give other pictures.
void refuse_unknown(const Fields& fields) {
  std::string interpolation = "linear";
  std::optional<double> lambda_min;
  fields.take("interpolation_type", interpolation);
  // Minus infinity, the default, is written as a word or not at all.
  if (fields.is_number("lambda_min_clipped")) fields.take("lambda_min_clipped", lambda_min);
  require(!fields.flag("use_beta_sigmas"), "noise levels by a beta distribution are not known", "use_beta_sigmas",
          "choose use_karras_sigmas or use_exponential_sigmas");
  require(!fields.flag("use_flow_sigmas"), "flow matching is not known", "use_flow_sigmas", "choose another model");
  require(interpolation == "linear", "noise levels are interpolated linearly alone", "interpolation_type",
          "give linear");
  require(!lambda_min || std::isinf(*lambda_min), "timesteps cannot be clipped by their log-SNR", "lambda_min_clipped",
          "leave it out");
}

SigmaSpacing sigma_spacing(const Fields& fields) {
  if (fields.flag("use_karras_sigmas")) return SigmaSpacing::karras;
  if (fields.flag("use_exponential_sigmas")) return SigmaSpacing::exponential;
  return fields.flag("use_lu_lambdas") ? SigmaSpacing::lu : SigmaSpacing::timesteps;
}

void take_bounds(const Fields& fields, SchedulerOptions& options) {
  fields.take("clip_sample", options.clip_sample);
  fields.take("clip_sample_range", options.clip_range);
  fields.take("thresholding", options.thresholding);
  fields.take("dynamic_thresholding_ratio", options.threshold_ratio);
  fields.take("sample_max_value", options.threshold_max);
}

void take_sigmas(const Fields& fields, SchedulerOptions& options) {
  refuse_unknown(fields);
  options.sigmas = sigma_spacing(fields);
  fields.take("sigma_min", options.sigma_min);
  fields.take("sigma_max", options.sigma_max);
  fields.take_word("final_sigmas_type", kFinalSigmas, options.end_at_sigma_min);
  fields.take_word("timestep_type", kTimes, options.continuous_time);
}

void take_solver(const Fields& fields, SchedulerOptions& options) {
  fields.take("solver_order", options.solver_order);
  fields.take_word("solver_type", kSolvers, options.solver);
  fields.take_word("algorithm_type", kAlgorithms, options.sde);
  fields.take("lower_order_final", options.lower_order_final);
  fields.take("euler_at_final", options.euler_at_final);
}

}  // namespace

Spacing SchedulerOptions::spacing_used() const {
  if (spacing) return *spacing;
  const bool leads = kind == SchedulerKind::ddim || kind == SchedulerKind::ddpm || kind == SchedulerKind::pndm;
  return leads ? Spacing::leading : Spacing::linspace;
}

void SchedulerOptions::validate() const {
  noise.validate();
  require(steps_offset >= 0, fmt::format("timesteps cannot be moved by {}", steps_offset), "steps_offset",
          "give 0 or more");
  require(eta >= 0, fmt::format("eta cannot be {}", eta), "eta", "give 0 or more");
  require(clip_range > 0, fmt::format("cannot clip to {}", clip_range), "clip_sample_range", "give more than 0");
  require(threshold_ratio > 0 && threshold_ratio <= 1, fmt::format("{} is no share", threshold_ratio),
          "dynamic_thresholding_ratio", "give a number of (0, 1]");
  require(solver_order >= 1 && solver_order <= 3, fmt::format("there is no solver of order {}", solver_order),
          "solver_order", "give 1, 2 or 3");
  require(!sde || solver_order <= 2, "the stochastic solver has no third order", "solver_order", "give 1 or 2");
  require(churn >= 0, fmt::format("churn cannot be {}", churn), "s_churn", "give 0 or more");
  require(sigma_min.value_or(1) > 0 && sigma_max.value_or(1) > 0, "noise levels must be above 0",
          "sigma_min, sigma_max", "give numbers above 0");
  require(prediction != Prediction::sample || (kind != SchedulerKind::euler_ancestral && kind != SchedulerKind::pndm),
          "this sampler takes no predicted samples", "prediction_type", "give epsilon or v_prediction");
}

void set_kind(SchedulerOptions& options, const std::string& name) {
  const Kind chosen = parse_word(kKinds, name, "scheduler");
  options.kind = chosen.kind;
  options.sde = chosen.sde;
}

std::string kind_name(const SchedulerOptions& options) {
  return word_of(kKinds, Kind{options.kind, options.sde && options.kind == SchedulerKind::dpm_solver});
}

SchedulerOptions scheduler_options(const json& config, SchedulerKind kind) {
  const Fields fields(config);
  fields.take_word("_class_name", kClasses, kind);
  const bool clips = kind == SchedulerKind::ddim || kind == SchedulerKind::ddpm;
  SchedulerOptions options{.kind = kind,
                           .noise = noise_options(fields),
                           .steps_offset = 0,
                           .alpha_to_one = kind == SchedulerKind::ddim,
                           .clip_sample = clips};
  std::string prediction = to_string(options.prediction);
  fields.take("prediction_type", prediction);
  options.prediction = parse_prediction(prediction == "original_sample" ? "sample" : prediction);
  std::optional<std::string> spacing;
  fields.take("timestep_spacing", spacing);
  if (spacing) options.spacing = parse_word(kSpacings, *spacing, "timestep_spacing");
  fields.take("steps_offset", options.steps_offset);
  fields.take("set_alpha_to_one", options.alpha_to_one);
  take_bounds(fields, options);
  if (kind == SchedulerKind::ddpm) fields.take_word("variance_type", kVariances, options.variance);
  options.runge_kutta_start = kind == SchedulerKind::pndm && !fields.flag("skip_prk_steps");
  take_sigmas(fields, options);
  if (kind == SchedulerKind::dpm_solver) take_solver(fields, options);
  options.validate();
  return options;
}

json to_json(const SchedulerOptions& options) {
  json config = {{"_class_name", word_of(kClasses, options.kind)},
                 {"num_train_timesteps", options.noise.train_timesteps},
                 {"beta_schedule", to_string(options.noise.curve)},
                 {"beta_start", options.noise.beta_start},
                 {"beta_end", options.noise.beta_end},
                 {"rescale_betas_zero_snr", options.noise.zero_terminal_snr},
                 {"prediction_type", to_string(options.prediction)},
                 {"timestep_spacing", word_of(kSpacings, options.spacing_used())},
                 {"steps_offset", options.steps_offset},
                 {"set_alpha_to_one", options.alpha_to_one},
                 {"clip_sample", options.clip_sample},
                 {"clip_sample_range", options.clip_range},
                 {"thresholding", options.thresholding},
                 {"dynamic_thresholding_ratio", options.threshold_ratio},
                 {"sample_max_value", options.threshold_max},
                 {"skip_prk_steps", !options.runge_kutta_start},
                 {"use_karras_sigmas", options.sigmas == SigmaSpacing::karras},
                 {"use_exponential_sigmas", options.sigmas == SigmaSpacing::exponential},
                 {"use_lu_lambdas", options.sigmas == SigmaSpacing::lu},
                 {"final_sigmas_type", word_of(kFinalSigmas, options.end_at_sigma_min)}};
  if (!options.noise.trained_betas.empty()) config["trained_betas"] = options.noise.trained_betas;
  if (options.sigma_min) config["sigma_min"] = *options.sigma_min;
  if (options.sigma_max) config["sigma_max"] = *options.sigma_max;
  if (options.kind == SchedulerKind::ddpm) config["variance_type"] = word_of(kVariances, options.variance);
  if (options.kind == SchedulerKind::euler) config["timestep_type"] = word_of(kTimes, options.continuous_time);
  if (options.kind == SchedulerKind::dpm_solver)
    config.update({{"solver_order", options.solver_order},
                   {"solver_type", word_of(kSolvers, options.solver)},
                   {"algorithm_type", word_of(kAlgorithms, options.sde)},
                   {"lower_order_final", options.lower_order_final},
                   {"euler_at_final", options.euler_at_final}});
  return config;
}

}  // namespace cambium::latent_diffusion
