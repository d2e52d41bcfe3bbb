#pragma once
// From a network's output to the clean sample and the noise in x = signal * clean + noise_level * noise.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include "models/latent_diffusion/noise_schedule.h"

namespace cambium::latent_diffusion {

inline at::Tensor predicted_clean(Prediction prediction, const at::Tensor& output, const at::Tensor& x, float signal,
                                  float noise_level) {
  if (prediction == Prediction::sample) return output;
  if (prediction == Prediction::velocity) return signal * x - noise_level * output;
  return (x - noise_level * output) / signal;
}

inline at::Tensor predicted_noise(Prediction prediction, const at::Tensor& output, const at::Tensor& x, float signal,
                                  float noise_level) {
  if (prediction == Prediction::epsilon) return output;
  if (prediction == Prediction::velocity) return signal * output + noise_level * x;
  return (x - signal * output) / noise_level;
}

}  // namespace cambium::latent_diffusion
