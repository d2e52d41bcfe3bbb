#pragma once
// From the recipe of a small foundation to its weights.
#include <filesystem>
#include <memory>

#include "models/sam/sam.h"
#include "systems/sam_adapter/foundation/recipe.h"
#include "systems/sam_adapter/foundation/task.h"
#include "train/dry_run.h"
#include "train/loop.h"
#include "train/run_options.h"

namespace cambium::systems::sam_adapter::foundation {

struct TrainedFoundation {
  std::shared_ptr<cambium::sam::Sam> model;
  std::filesystem::path file = {};  // model.safetensors: official names, bfloat16, without the auxiliary head
  FoundationScores scores = {};     // of the weights as written
  train::LoopResult result = {};
};

// Trains to the end. Error where the prepared pictures are missing.
TrainedFoundation train_foundation(const LoadedRecipe& recipe, const train::RunOptions& options,
                                   const train::Distributed& ranks);
train::DryRunReport dry_run_foundation(const LoadedRecipe& recipe, const train::RunOptions& options,
                                       const train::Distributed& ranks);

// The folder that `scripts/data sam_adapter` prepares; Error with that advice where it is not there.
std::filesystem::path prepared_pictures();

}  // namespace cambium::systems::sam_adapter::foundation
