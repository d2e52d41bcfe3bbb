#pragma once
// The two ways that give exactly what undivided decoding gives, each within `memory_bytes` of activations.
#include "models/video_ldm/decoding/decode_video.h"

namespace cambium::video_ldm {

// Frame by frame, or as many at once as fit.
void decode_images(const latent_diffusion::Autoencoder& autoencoder, const LatentVideo& latents, int64_t memory_bytes,
                   const FrameSink& sink);

// Layer by layer. -> bytes that went to temporary files
int64_t decode_layers(const TemporalAutoencoder& autoencoder, const LatentVideo& latents, int64_t memory_bytes,
                      const std::filesystem::path& folder, const FrameSink& sink);

}  // namespace cambium::video_ldm
