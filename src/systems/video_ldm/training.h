#pragma once
// A training run of temporal layers over an image model, from a recipe to a delta.
#include <filesystem>
#include <memory>

#include "models/video_ldm/temporal_layers.h"
#include "systems/video_ldm/film_set.h"
#include "systems/video_ldm/image_model.h"
#include "systems/video_ldm/latent_films.h"
#include "systems/video_ldm/recipe.h"
#include "train/dry_run.h"
#include "train/loop.h"

namespace cambium::systems::video_ldm {

struct TrainedLayers {
  std::shared_ptr<cambium::video_ldm::TemporalLayers> layers;  // the averaged weights where the recipe averages
  std::filesystem::path file = {};                             // delta.safetensors; empty without a run folder
  train::LoopResult result = {};
};

// Checks the data, encodes films and captions once (run/latents, run/captions), trains to the end, and writes
// recipe.yaml, checkpoints, logs, sample films and delta.safetensors into the run folder.
TrainedLayers train_layers(const LoadedRecipe& recipe, const train::RunOptions& options,
                           const train::Distributed& ranks);
// The same over a model and films that are open already, for the demo. `latents` of these films at the recipe's size
// and highest rate.
TrainedLayers train_layers(const LoadedRecipe& recipe, const ImageModel& image, const FilmSet& films,
                           std::shared_ptr<const LatentFilms> latents, const train::RunOptions& options,
                           const train::Distributed& ranks);

train::DryRunReport dry_run_layers(const LoadedRecipe& recipe, const train::RunOptions& options,
                                   const train::Distributed& ranks);

}  // namespace cambium::systems::video_ldm
