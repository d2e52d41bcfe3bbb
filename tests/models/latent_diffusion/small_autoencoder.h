#pragma once
// An autoencoder of two levels with weights from a seed.
#include <ATen/ATen.h>

#include <memory>

#include "core/random.h"
#include "models/latent_diffusion/autoencoder.h"

namespace cambium::latent_diffusion {

inline AutoencoderOptions small_autoencoder_options() {
  return {.block_out_channels = {16, 32}, .layers_per_block = 1, .norm_groups = 8};
}

inline std::shared_ptr<Autoencoder> small_autoencoder(const AutoencoderOptions& options = small_autoencoder_options()) {
  auto model = std::make_shared<Autoencoder>(options);
  at::Generator generator = make_generator(1);
  model->initialize(generator);
  return model;
}

}  // namespace cambium::latent_diffusion
