// vae: the image autoencoder: moments, a sample, KL, decoding, and the gradients of mean(decoded^2) + mean(moments^2).
#include <ATen/ATen.h>

#include "models/latent_diffusion/autoencoder.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/latent_diffusion_model.h"

namespace cambium::parity {

Results check_vae(const Golden& golden) {
  const Json& config = golden.config;
  latent_diffusion::Autoencoder model(autoencoder_options(config));
  fill_module(model);
  const at::Tensor moments = model.moments(golden.tensors.at("x"));
  const at::Tensor decoded = model.decode(golden.tensors.at("z"));
  require_loss(config, "mean(decoded^2)+mean(moments^2)");
  const at::Tensor loss = decoded.square().mean() + moments.square().mean();
  loss.backward();

  const auto posterior = latent_diffusion::Posterior::of(moments.detach());
  Results results;
  results.tensors = {{"moments", moments.detach()},
                     {"sample", posterior.sample(golden.tensors.at("noise"))},
                     {"kl", posterior.kl()},
                     {"decoded", decoded.detach()},
                     {"grad_norms", gradient_norms(model, config.at("grad_names"))}};
  results.json["loss_value"] = loss.item<double>();
  return results;
}

}  // namespace cambium::parity
