#pragma once
// What names and shapes do not tell of a model (heads, activation, scaling factor, noise schedule), as diffusers'
// configurations: the files of a converted folder, and one metadata entry of our own single files.
#include <nlohmann/json_fwd.hpp>

#include "models/latent_diffusion/weights.h"

namespace cambium::latent_diffusion {

// The metadata entry of a safetensors file that holds {"unet": ..., "vae": ..., "text_encoder": ..., "scheduler": ...,
// "pad_token_id": ...}.
inline constexpr const char* kMetadataKey = "cambium.latent_diffusion";

// config.json of UNet2DConditionModel and AutoencoderKL; what unet_options and autoencoder_options read back.
nlohmann::json unet_config(const UNetOptions& options);
nlohmann::json autoencoder_config(const AutoencoderOptions& options);

std::string metadata_of(const Weights& weights);
// Puts what the metadata of `state` says in the place of what was inferred; nothing where there is no such entry. Error
// where the entry is damaged.
void apply_metadata(const io::StateDict& state, Weights& weights);

}  // namespace cambium::latent_diffusion
