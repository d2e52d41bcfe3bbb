// unet2d: the image U-Net of latent diffusion: output, the loss mean(out^2), and the norm of every parameter's
// gradient. The output comes from a pass without gradients, as at inference; loss and gradients from a training pass.
#include <ATen/ATen.h>

#include "models/latent_diffusion/options_json.h"
#include "models/latent_diffusion/unet.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/latent_diffusion_model.h"

namespace cambium::parity {

Results check_unet2d(const Golden& golden) {
  const Json& config = golden.config;
  latent_diffusion::UNet unet(latent_diffusion::unet_options(nlohmann::json(config.at("config"))));
  fill_module(unet);
  const auto run = [&] {
    latent_diffusion::UNetExtras extras;
    if (golden.tensors.contains("class_labels")) extras.class_labels = golden.tensors.at("class_labels").to(at::kLong);
    return unet.forward(golden.tensors.at("x"), golden.tensors.at("timesteps"), golden.tensors.at("context"), extras);
  };
  Results results;
  {
    const at::NoGradGuard no_grad;
    results.tensors["out"] = run();
  }
  require_loss(config, "mean(out^2)");
  const at::Tensor loss = run().square().mean();
  loss.backward();
  results.json["loss_value"] = loss.item<double>();
  results.tensors["grad_norms"] = gradient_norms(unet, config.at("grad_names"));
  return results;
}

}  // namespace cambium::parity
