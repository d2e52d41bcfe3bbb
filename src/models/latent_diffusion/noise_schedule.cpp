#include "models/latent_diffusion/noise_schedule.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "models/latent_diffusion/words.h"

namespace cambium::latent_diffusion {

namespace {

constexpr std::array kPredictions = {Word{"epsilon", Prediction::epsilon}, Word{"sample", Prediction::sample},
                                     Word{"v_prediction", Prediction::velocity}};
constexpr std::array kCurves = {Word{"linear", BetaCurve::linear}, Word{"scaled_linear", BetaCurve::scaled_linear},
                                Word{"squaredcos_cap_v2", BetaCurve::cosine}};

at::Tensor as_float(const std::vector<double>& values) { return at::tensor(values, at::kDouble).to(at::kFloat); }

at::Tensor cosine_betas(int64_t count) {
  const auto alpha_bar = [count](int64_t i) {
    const double t = static_cast<double>(i) / static_cast<double>(count);
    return std::pow(std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2), 2);
  };
  std::vector<double> betas;
  for (int64_t i = 0; i < count; ++i) betas.push_back(std::min(1 - alpha_bar(i + 1) / alpha_bar(i), 0.999));
  return as_float(betas);
}

at::Tensor curve_betas(const NoiseOptions& options) {
  if (!options.trained_betas.empty()) return as_float(options.trained_betas);
  const int64_t count = options.train_timesteps;
  switch (options.curve) {
    case BetaCurve::linear:
      return at::linspace(options.beta_start, options.beta_end, count, at::kFloat);
    case BetaCurve::scaled_linear:
      return at::linspace(std::sqrt(options.beta_start), std::sqrt(options.beta_end), count, at::kFloat).square();
    case BetaCurve::cosine:
      return cosine_betas(count);
  }
  return {};
}

// Shifts and scales sqrt(ab) so that its last value is 0 and its first stays (Lin et al. 2023, arXiv 2305.08891,
// algorithm 1).
at::Tensor with_zero_terminal_snr(const at::Tensor& betas) {
  at::Tensor root = at::cumprod(1 - betas, 0).sqrt();
  const at::Tensor first = root[0].clone(), last = root[-1].clone();
  root = (root - last) * (first / (first - last));
  const at::Tensor alpha_bar = root.square();
  const at::Tensor alphas = at::cat({alpha_bar.slice(0, 0, 1), alpha_bar.slice(0, 1) / alpha_bar.slice(0, 0, -1)});
  return 1 - alphas;
}

}  // namespace

Prediction parse_prediction(const std::string& name) { return parse_word(kPredictions, name, "prediction_type"); }
std::string to_string(Prediction prediction) { return word_of(kPredictions, prediction); }
BetaCurve parse_beta_curve(const std::string& name) { return parse_word(kCurves, name, "beta_schedule"); }
std::string to_string(BetaCurve curve) { return word_of(kCurves, curve); }

void NoiseOptions::validate() const {
  const auto within = [](double beta) { return beta > 0 && beta < 1; };
  if (train_timesteps < 1)
    throw UsageError({.what = fmt::format("a schedule of {} timesteps is empty", train_timesteps),
                      .field = "num_train_timesteps",
                      .mend = "give 1 or more"});
  if (!within(beta_start) || !within(beta_end) || beta_start > beta_end)
    throw UsageError({.what = fmt::format("betas cannot run from {} to {}", beta_start, beta_end),
                      .field = "beta_start, beta_end",
                      .mend = "give two rising numbers between 0 and 1"});
  if (!std::all_of(trained_betas.begin(), trained_betas.end(), within))
    throw UsageError({.what = "a beta is not between 0 and 1", .field = "trained_betas"});
}

NoiseSchedule::NoiseSchedule(const NoiseOptions& options) {
  options.validate();
  betas_ = curve_betas(options);
  if (options.zero_terminal_snr) betas_ = with_zero_terminal_snr(betas_);
  alphas_cumprod_ = at::cumprod(1 - betas_, 0);
}

NoiseSchedule::Roots NoiseSchedule::roots(const at::Tensor& timesteps, const at::Tensor& like) const {
  const at::Tensor table = alphas_cumprod_.to(timesteps.device());
  const at::Tensor ab = table.index_select(0, timesteps);  // [N]
  std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
  shape[0] = ab.numel();
  return {ab.sqrt().to(like.scalar_type()).reshape(shape), (1 - ab).sqrt().to(like.scalar_type()).reshape(shape)};
}

at::Tensor NoiseSchedule::add_noise(const at::Tensor& clean, const at::Tensor& noise,
                                    const at::Tensor& timesteps) const {
  const Roots root = roots(timesteps, clean);
  return root.signal * clean + root.noise * noise;
}

at::Tensor NoiseSchedule::velocity(const at::Tensor& clean, const at::Tensor& noise,
                                   const at::Tensor& timesteps) const {
  const Roots root = roots(timesteps, clean);
  return root.signal * noise - root.noise * clean;
}

at::Tensor NoiseSchedule::target(Prediction prediction, const at::Tensor& clean, const at::Tensor& noise,
                                 const at::Tensor& timesteps) const {
  if (prediction == Prediction::epsilon) return noise;
  return prediction == Prediction::sample ? clean : velocity(clean, noise, timesteps);
}

at::Tensor NoiseSchedule::min_snr_weights(Prediction prediction, double gamma) const {
  const at::Tensor ab = alphas_cumprod_.to(at::kDouble);
  const at::Tensor snr = ab / (1 - ab), capped = snr.clamp_max(gamma);
  if (prediction == Prediction::sample) return capped;
  return capped / (prediction == Prediction::epsilon ? snr : snr + 1);
}

}  // namespace cambium::latent_diffusion
