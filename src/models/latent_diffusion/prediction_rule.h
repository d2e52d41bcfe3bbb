#pragma once
// What the U-Net of a single file predicts. The LDM code keeps it in a configuration apart from the file.
#include <string>

#include "models/latent_diffusion/weights.h"

namespace cambium::latent_diffusion {

struct PredictionRule {
  Prediction prediction = Prediction::epsilon;
  std::string by = {};   // "as its metadata says"
  bool guessed = false;  // nothing in the file says it
};

// `path` is the file, `state` all that it holds. In order: the metadata entry modelspec.prediction_type, a tensor
// "v_pred", the number of training steps of a .ckpt file, then by the network: Stable Diffusion 1 predicts noise, the
// x4 upscaler velocity, as Stable Diffusion 2 does at 768 pixels, and noise at 512 ("512" or "base" in the file's
// name) and with further inputs (inpainting, depth).
PredictionRule prediction_of(const std::filesystem::path& path, const io::StateDict& state, const UNetOptions& unet);

}  // namespace cambium::latent_diffusion
