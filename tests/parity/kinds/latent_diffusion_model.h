#pragma once
// What the checks of latent diffusion's networks share.
#include <ATen/core/Tensor.h>

#include "models/latent_diffusion/options.h"
#include "parity/golden.h"

namespace torch::nn {
class Module;
}

namespace cambium::parity {

// The Euclidean norm of the gradient of each parameter named in the list `names`, 0 where it has none: float64 [N].
// Error where the module has no parameter of that name, or one that the list lacks.
at::Tensor gradient_norms(const torch::nn::Module& module, const Json& names);

// An autoencoder's, of the config's block_out_channels, layers_per_block and list of parameters.
latent_diffusion::AutoencoderOptions autoencoder_options(const Json& config);

// Error unless the config's loss is the one that the check computes.
void require_loss(const Json& config, const std::string& computed);

}  // namespace cambium::parity
