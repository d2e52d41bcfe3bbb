#pragma once
// The forward process of diffusion models (Ho et al. 2020, arXiv 2006.11239): how much noise each timestep holds, and
// the quantities that networks predict.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cambium::latent_diffusion {

// What a network predicts of x_t = sqrt(ab) x0 + sqrt(1 - ab) e, ab = alphas_cumprod[t].
enum class Prediction {
  epsilon,   // the noise e
  sample,    // x0
  velocity,  // v = sqrt(ab) e - sqrt(1 - ab) x0 (Salimans & Ho 2022, arXiv 2202.00512)
};

enum class BetaCurve {
  linear,         // of beta
  scaled_linear,  // of sqrt(beta); the LDM code calls it "linear"
  cosine,         // of Nichol & Dhariwal 2021 (arXiv 2102.09672); diffusers: squaredcos_cap_v2
};

struct NoiseOptions {
  int64_t train_timesteps = 1000;
  BetaCurve curve = BetaCurve::scaled_linear;
  double beta_start = 0.00085, beta_end = 0.012;  // not of the cosine curve
  std::vector<double> trained_betas = {};         // given one by one instead of by a curve
  bool zero_terminal_snr = false;                 // rescale so that the last timestep is noise alone
  // UsageError, one sentence: no timesteps, betas outside (0, 1).
  void validate() const;
};

// Tables in float32 on the CPU, made as diffusers makes them: the float32 chain differs from a double one in the last
// places.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(const NoiseOptions& options = {});

  const at::Tensor& betas() const { return betas_; }                    // [T]
  const at::Tensor& alphas_cumprod() const { return alphas_cumprod_; }  // [T]
  int64_t timesteps() const { return betas_.numel(); }

  // What training uses. clean and noise [N, ...], timesteps int64 [N] in [0, T), on their device; computed in their
  // dtype.
  at::Tensor add_noise(const at::Tensor& clean, const at::Tensor& noise, const at::Tensor& timesteps) const;
  at::Tensor velocity(const at::Tensor& clean, const at::Tensor& noise, const at::Tensor& timesteps) const;
  // What a network that predicts `prediction` is to say.
  at::Tensor target(Prediction prediction, const at::Tensor& clean, const at::Tensor& noise,
                    const at::Tensor& timesteps) const;

  // Weights of the mean squared error at each timestep (Hang et al. 2023, arXiv 2303.09556), snr = ab / (1 - ab):
  // epsilon min(snr, gamma) / snr, velocity min(snr, gamma) / (snr + 1), sample min(snr, gamma). float64 [T]
  at::Tensor min_snr_weights(Prediction prediction, double gamma = 5) const;

 private:
  struct Roots {
    at::Tensor signal, noise;  // sqrt(ab), sqrt(1 - ab), one an item, shaped to multiply `like`
  };
  Roots roots(const at::Tensor& timesteps, const at::Tensor& like) const;

  at::Tensor betas_, alphas_cumprod_;
};

// "epsilon", "sample", "v_prediction", and "linear", "scaled_linear", "squaredcos_cap_v2", as diffusers' configurations
// write them. UsageError naming the known words.
Prediction parse_prediction(const std::string& name);
std::string to_string(Prediction prediction);
BetaCurve parse_beta_curve(const std::string& name);
std::string to_string(BetaCurve curve);

}  // namespace cambium::latent_diffusion
