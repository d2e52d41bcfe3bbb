#pragma once
// What the checks of latent diffusion's networks share.
#include <ATen/core/Tensor.h>

#include "parity/golden.h"

namespace torch::nn {
class Module;
}

namespace cambium::parity {

// The Euclidean norm of the gradient of each parameter named in the list `names`, 0 where it has none: float64 [N].
// Error where the module has no parameter of that name, or one that the list lacks.
at::Tensor gradient_norms(const torch::nn::Module& module, const Json& names);

}  // namespace cambium::parity
