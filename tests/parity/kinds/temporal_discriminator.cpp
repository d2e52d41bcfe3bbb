// temporal_discriminator: the video discriminator, its losses and the adaptive weight.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "models/video_ldm/adversarial_loss.h"
#include "models/video_ldm/discriminator.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/latent_diffusion_model.h"

namespace cambium::parity {

Results check_temporal_discriminator(const Golden& golden) {
  const Json& config = golden.config;
  video_ldm::Discriminator discriminator({.widths = config.at("widths").get<std::vector<int64_t>>()});
  fill_module(discriminator);
  const at::Tensor real = golden.tensors.at("real");
  const at::Tensor fake = golden.tensors.at("fake").clone().set_requires_grad(true);
  const at::Tensor logits_real = discriminator.forward(real), logits_fake = discriminator.forward(fake.detach());
  const at::Tensor d_loss = video_ldm::hinge_loss(logits_real, logits_fake);
  d_loss.backward();
  Results results;
  results.tensors = {{"logits_real", logits_real.detach()},
                     {"logits_fake", logits_fake.detach()},
                     {"grad_norms", gradient_norms(discriminator, config.at("grad_names"))}};

  const at::Tensor l1 = (fake - real).abs().mean(), g_loss = video_ldm::generator_loss(discriminator.forward(fake));
  const auto norm = [&](const at::Tensor& loss) {
    return torch::autograd::grad({loss}, {fake}, {}, /*retain_graph=*/true).front().norm().item<double>();
  };
  results.json = {{"d_loss", d_loss.item<double>()},
                  {"g_loss", g_loss.item<double>()},
                  {"rec_l1", l1.item<double>()},
                  {"grad_norm_rec", norm(l1)},
                  {"grad_norm_g", norm(g_loss)},
                  {"adaptive_weight", video_ldm::adaptive_weight(l1, g_loss, fake).item<double>()}};
  return results;
}

}  // namespace cambium::parity
