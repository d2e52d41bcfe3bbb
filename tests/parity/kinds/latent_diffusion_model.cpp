#include "parity/kinds/latent_diffusion_model.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

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

}  // namespace cambium::parity
