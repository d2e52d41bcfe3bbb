#include "parity/kinds/latent_diffusion_model.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>

#include "core/error.h"

namespace cambium::parity {

at::Tensor gradient_norms(const torch::nn::Module& module, const Json& names) {
  const auto parameters = module.named_parameters();
  if (parameters.size() != names.size())
    throw Error({.what = "the model has " + std::to_string(parameters.size()) + " parameters and the file names " +
                         std::to_string(names.size())});
  std::vector<double> norms;
  for (const auto& name : names) {
    const at::Tensor* parameter = parameters.find(name.get<std::string>());
    if (!parameter) throw Error({.what = "the model has no parameter of this name", .field = name.get<std::string>()});
    const at::Tensor& gradient = parameter->grad();
    norms.push_back(gradient.defined() ? gradient.to(at::kDouble).norm().item<double>() : 0.0);
  }
  return at::tensor(norms, at::kDouble);
}

latent_diffusion::AutoencoderOptions autoencoder_options(const Json& config) {
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(config.at("params"), [&](const Json& entry) { return entry.at(0) == name; });
  };
  return {.latent_channels = config.value("latent_channels", int64_t{4}),
          .block_out_channels = config.at("block_out_channels").get<std::vector<int64_t>>(),
          .layers_per_block = config.at("layers_per_block"),
          .norm_groups = config.value("norm_num_groups", int64_t{32}),
          .middle_attention = has("decoder.mid_block.attentions.0.group_norm.weight"),
          .quant_conv = has("quant_conv.weight"),
          .post_quant_conv = has("post_quant_conv.weight")};
}

void require_loss(const Json& config, const std::string& computed) {
  if (config.at("loss") != computed) throw Error({.what = "unknown loss", .field = "loss"});
}

}  // namespace cambium::parity
