#pragma once
// The options of the networks from the config.json files of diffusers' folders.
#include <nlohmann/json_fwd.hpp>

#include <string>

#include "models/latent_diffusion/options.h"

namespace cambium::latent_diffusion {

// Of a UNet2DConditionModel; what the file leaves out has diffusers' default. `source` is the file, for errors. Error
// naming the field where it asks for another architecture than Stable Diffusion 1, 2 or the x4 upscaler have.
UNetOptions unet_options(const nlohmann::json& config, const std::string& source = {});

// Of an AutoencoderKL or an AutoencoderKLTemporalDecoder, as above.
AutoencoderOptions autoencoder_options(const nlohmann::json& config, const std::string& source = {});

}  // namespace cambium::latent_diffusion
