#include "parity/kinds/vldm_model.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "models/latent_diffusion/options_json.h"
#include "parity/conventions.h"
#include "parity/fill.h"

namespace cambium::parity {

VideoModel build_video_model(const Json& config, video_ldm::TemporalOptions options) {
  if (config.contains("temporal_eps")) options.eps = config.at("temporal_eps").get<double>();
  const auto unet = latent_diffusion::unet_options(nlohmann::json(config.at("theta_config")));
  VideoModel model{.unet = std::make_shared<latent_diffusion::UNet>(unet),
                   .layers = std::make_shared<video_ldm::TemporalLayers>(unet, options)};
  fill_module(*model.unet);
  fill_module(*model.layers);
  for (at::Tensor& parameter : model.unet->parameters()) parameter.set_requires_grad(false);
  return model;
}

at::Tensor inp(const std::string& name, at::IntArrayRef shape) { return rnd(name, shape, std::sqrt(3.0)); }

at::Tensor loss_named(const Json& config, const at::Tensor& out) {
  const auto name = config.at("loss").get<std::string>();
  if (name.substr(0, name.find(',')) != "mean(out^2)") throw Error({.what = "unknown loss", .field = "loss"});
  return out.square().mean();
}

}  // namespace cambium::parity
