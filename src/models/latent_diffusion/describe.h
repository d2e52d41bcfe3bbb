#pragma once
// What a latent diffusion model on disk holds, for `cambium inspect`.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "models/latent_diffusion/weights.h"

namespace cambium::latent_diffusion {

// For people, a line for each network and one for the noise schedule; for machines.
std::string to_text(const Weights& weights);
nlohmann::json to_json(const Weights& weights);

}  // namespace cambium::latent_diffusion
