#pragma once
// A training run that adapts a SAM, from a recipe to a delta.
#include <filesystem>
#include <memory>

#include "systems/sam_adapter/recipe.h"
#include "systems/sam_adapter/task.h"
#include "train/dry_run.h"
#include "train/loop.h"
#include "train/run_options.h"

namespace cambium::systems::sam_adapter {

struct TrainedModel {
  AdaptedModel adapted;
  std::filesystem::path file = {};  // delta.safetensors; empty without a run folder
  train::LoopResult result = {};
};

// Checks the data, trains to the end, and writes recipe.yaml, checkpoints, logs, best.safetensors (with validation) and
// delta.safetensors into the run folder.
TrainedModel train_model(const LoadedRecipe& recipe, const train::RunOptions& options, const train::Distributed& ranks);
// The same on pictures and weights that are open already, for demos and benches. `validation` may be null.
TrainedModel train_model(const LoadedRecipe& recipe, const cambium::sam::Weights& weights,
                         std::shared_ptr<const cambium::data::MaskPairs> training,
                         std::shared_ptr<const cambium::data::MaskPairs> validation, const train::RunOptions& options,
                         const train::Distributed& ranks);

// What the run will take, measured on one micro-batch.
train::DryRunReport dry_run_model(const LoadedRecipe& recipe, const train::RunOptions& options,
                                  const train::Distributed& ranks);

}  // namespace cambium::systems::sam_adapter
