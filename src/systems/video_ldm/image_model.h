#pragma once
// A frozen image model, opened once for all that is built over it.
#include <filesystem>
#include <memory>

#include "core/device.h"
#include "models/latent_diffusion/autoencoder.h"
#include "models/latent_diffusion/scheduler_options.h"
#include "models/latent_diffusion/text_encoder.h"
#include "models/latent_diffusion/unet.h"
#include "peft/delta.h"

namespace cambium::systems::video_ldm {

struct ImageModel {
  std::filesystem::path path = {};
  std::shared_ptr<latent_diffusion::UNet> unet;
  std::shared_ptr<latent_diffusion::Autoencoder> autoencoder;
  std::shared_ptr<latent_diffusion::TextEncoder> text;
  latent_diffusion::SchedulerOptions scheduler = {};
  peft::Foundation identity = {};  // of the U-Net, as it came
  Compute compute = {};
};

// Errors as latent_diffusion::read_weights; UsageError naming the part that the file does not hold.
ImageModel open_image_model(const std::filesystem::path& path, const Compute& compute);

}  // namespace cambium::systems::video_ldm
