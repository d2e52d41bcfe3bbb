#include "systems/video_ldm/image_model.h"

#include "core/error.h"
#include "models/latent_diffusion/weights.h"

namespace cambium::systems::video_ldm {

namespace {

void require_part(bool there, const std::filesystem::path& path, const char* part) {
  if (there) return;
  throw UsageError({.what = std::string("an image model needs a ") + part + ", and there is none in it",
                    .file = path.string(),
                    .mend = "name a whole model: a checkpoint, or the folder that holds model_index.json"});
}

}  // namespace

ImageModel open_image_model(const std::filesystem::path& path, const Compute& compute) {
  const latent_diffusion::Weights weights = latent_diffusion::read_weights(path);
  require_part(weights.unet.has_value(), path, "U-Net");
  require_part(weights.autoencoder.has_value(), path, "autoencoder");
  require_part(weights.text.has_value(), path, "text encoder");
  return {
      .path = path,
      .unet = open_unet(weights, compute),
      .autoencoder = open_autoencoder(weights, compute),
      .text = std::make_shared<latent_diffusion::TextEncoder>(latent_diffusion::TextEncoder::open(weights, compute)),
      .scheduler = weights.scheduler,
      .identity = peft::Foundation::of(weights.unet->state.tensors),
      .compute = compute};
}

}  // namespace cambium::systems::video_ldm
