#pragma once
// From the recipes of a small image foundation to its weights.
#include <filesystem>

#include "systems/video_ldm/foundation/recipe.h"
#include "train/dry_run.h"
#include "train/loop.h"

namespace cambium::systems::video_ldm::foundation {

struct TrainedAutoencoder {
  std::filesystem::path file = {};     // model_index.json of a folder with vae/ alone, bfloat16
  double psnr = 0, psnr_held_out = 0;  // of the weights as written, in decibels
  double scaling_factor = 1;           // 1 / the standard deviation of its latents, as latent diffusion scales them
  train::LoopResult result = {};
};
// Trains to the end on the frames of all films: the autoencoder is to know every drawing, so that what is held out
// tests the diffusion models alone.
TrainedAutoencoder train_autoencoder(const io::LoadedRecipe<AutoencoderRecipe>& recipe,
                                     const train::RunOptions& options, const train::Distributed& ranks);
train::DryRunReport dry_run_autoencoder(const io::LoadedRecipe<AutoencoderRecipe>& recipe,
                                        const train::RunOptions& options, const train::Distributed& ranks);

struct TrainedImageModel {
  std::filesystem::path file = {};  // model_index.json of a whole folder, bfloat16, the autoencoder in it
  train::LoopResult result = {};
};
// Trains to the end on the frames of the training films.
TrainedImageModel train_image_model(const io::LoadedRecipe<ImageRecipe>& recipe, const train::RunOptions& options,
                                    const train::Distributed& ranks);
train::DryRunReport dry_run_image_model(const io::LoadedRecipe<ImageRecipe>& recipe, const train::RunOptions& options,
                                        const train::Distributed& ranks);

}  // namespace cambium::systems::video_ldm::foundation
