#pragma once
// A temporal autoencoder of two levels whose temporal layers do something.
#include <ATen/ATen.h>

#include <memory>

#include "core/random.h"
#include "models/latent_diffusion/small_autoencoder.h"
#include "models/video_ldm/temporal_autoencoder.h"

namespace cambium::video_ldm {

// Of an image autoencoder, at the start of training.
inline std::shared_ptr<TemporalAutoencoder> untrained_temporal_autoencoder(const latent_diffusion::Autoencoder& image) {
  auto model = std::make_shared<TemporalAutoencoder>(image.options());
  at::Generator generator = make_generator(2);
  model->initialize_from(image, generator);
  return model;
}

inline std::shared_ptr<TemporalAutoencoder> small_temporal_autoencoder() {
  auto model = untrained_temporal_autoencoder(*latent_diffusion::small_autoencoder());
  const at::NoGradGuard no_grad;
  at::Generator generator = make_generator(3);
  for (const auto& layer : model->decoder()->temporal_layers()) {
    layer.block->conv2()->initialize(generator);
    normal_(layer.mixer->mix_factor, 0, 1, generator);
  }
  model->decoder()->time_conv_out()->initialize(generator);
  return model;
}

}  // namespace cambium::video_ldm
