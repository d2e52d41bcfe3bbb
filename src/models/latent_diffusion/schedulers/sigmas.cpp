#include "models/latent_diffusion/schedulers/sigmas.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

namespace cambium::latent_diffusion {

double SigmaScheduler::init_noise_sigma() const {
  const float highest = *std::max_element(sigmas().begin(), sigmas().end());
  return options_.spacing_used() == Spacing::leading ? std::sqrt(highest * highest + 1) : highest;
}

at::Tensor SigmaScheduler::scale_model_input(const at::Tensor& x, int64_t i) const {
  return x.to(at::kFloat) / std::sqrt(sigma(i) * sigma(i) + 1);
}

at::Tensor SigmaScheduler::clean_estimate(const at::Tensor& output, int64_t i, const at::Tensor& x) const {
  return clean_of(output.to(at::kFloat), x.to(at::kFloat), sigma(i), sigma(i));
}

at::Tensor SigmaScheduler::clean_of(const at::Tensor& output, const at::Tensor& x, float at, float step_sigma) const {
  if (options_.prediction == Prediction::sample) return output;
  if (options_.prediction == Prediction::epsilon) return x - at * output;
  const float power = step_sigma * step_sigma + 1;
  return x / power - step_sigma / std::sqrt(power) * output;
}

}  // namespace cambium::latent_diffusion
