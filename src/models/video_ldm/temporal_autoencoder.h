#pragma once
// An autoencoder whose encoder works image by image and whose decoder sees whole videos (section 3.2.2; Stable Video
// Diffusion's AutoencoderKLTemporalDecoder). Any Stable Diffusion latents may be decoded by it.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>

#include "models/latent_diffusion/autoencoder.h"
#include "models/video_ldm/temporal_decoder.h"

namespace cambium::video_ldm {

class TemporalAutoencoder : public latent_diffusion::AutoencoderBase {
 public:
  // Weights are allocated, not filled. Stable Video Diffusion's files have no post_quant_conv.
  explicit TemporalAutoencoder(const latent_diffusion::AutoencoderOptions& options, int64_t middle_blocks = 2);

  // latents [b * t, latent channels, h, w] (not scaled, frame fastest) -> images [b * t, 3, f h, f w]
  at::Tensor decode(const at::Tensor& latents, int64_t frames) const;

  const std::shared_ptr<TemporalDecoder>& decoder() const { return decoder_; }
  // The start of training: the image autoencoder's weights (the encoder's shared with it, the decoder's copied) and
  // temporal layers that change nothing yet. Error where the sizes differ.
  void initialize_from(const latent_diffusion::Autoencoder& image, at::Generator& generator);

 private:
  std::shared_ptr<TemporalDecoder> decoder_;
};

}  // namespace cambium::video_ldm
