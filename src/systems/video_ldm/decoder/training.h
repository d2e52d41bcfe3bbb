#pragma once
// A training run of a temporal decoder, from a recipe to a file.
#include <filesystem>
#include <memory>

#include "models/video_ldm/temporal_autoencoder.h"
#include "systems/video_ldm/decoder/recipe.h"
#include "systems/video_ldm/image_model.h"
#include "systems/video_ldm/latent_films.h"
#include "train/dry_run.h"
#include "train/loop.h"

namespace cambium::systems::video_ldm::decoder {

struct TrainedDecoder {
  std::shared_ptr<cambium::video_ldm::TemporalAutoencoder> model;  // its averaged weights where the recipe averages
  std::filesystem::path file = {};  // decoder.safetensors: names of Stable Video Diffusion's decoder
  train::LoopResult result = {};
};

// Begins with the image decoder's weights and temporal layers that change nothing; writes recipe.yaml, checkpoints,
// logs and decoder.safetensors into the run folder.
TrainedDecoder train_decoder(const LoadedRecipe& recipe, const train::RunOptions& options,
                             const train::Distributed& ranks);
// The same over a model and films that are open already. `latents` of these films at the recipe's size and rate.
TrainedDecoder train_decoder(const LoadedRecipe& recipe, const ImageModel& image, const FilmSet& films,
                             std::shared_ptr<const LatentFilms> latents, const train::RunOptions& options,
                             const train::Distributed& ranks);

train::DryRunReport dry_run_decoder(const LoadedRecipe& recipe, const train::RunOptions& options,
                                    const train::Distributed& ranks);

}  // namespace cambium::systems::video_ldm::decoder
