// noise_schedules: the tables NAME.{betas,alphas_cumprod} of the schedules that the notes name, and the loss weights
// min_snrG_{eps,v} of "sd" with gamma G. "ldm_f64" is the double chain of the LDM code; there is one chain here.
#include "models/latent_diffusion/noise_schedule.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

using namespace latent_diffusion;

NoiseOptions noise_options(const std::string& name) {
  if (name == "x4") return {.beta_start = 0.0001, .beta_end = 0.02};
  if (name == "linear") return {.curve = BetaCurve::linear, .beta_start = 0.0001, .beta_end = 0.02};
  if (name == "cosine") return {.curve = BetaCurve::cosine};
  return {.zero_terminal_snr = name == "sd_zsnr"};
}

}  // namespace

Results check_noise_schedules(const Golden& golden) {
  Results results;
  const std::string weights = "min_snr";
  for (const auto& [item, unused] : golden.tensors.tensors) {
    if (item.starts_with(weights)) {
      const auto prediction = item.ends_with("_v") ? Prediction::velocity : Prediction::epsilon;
      const double gamma = std::stod(item.substr(weights.size()));
      results.tensors[item] = NoiseSchedule().min_snr_weights(prediction, gamma);
      continue;
    }
    const size_t dot = item.find('.');
    const NoiseSchedule schedule(noise_options(item.substr(0, dot)));
    results.tensors[item] = item.substr(dot + 1) == "betas" ? schedule.betas() : schedule.alphas_cumprod();
  }
  return results;
}

}  // namespace cambium::parity
