#pragma once
// A training run of MERU, CLIP and their successors, from a recipe to a model file.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "systems/meru/recipe.h"
#include "systems/meru/task.h"
#include "train/dry_run.h"
#include "train/loop.h"
#include "train/run_options.h"

namespace cambium::systems::meru {

struct TrainedModel {
  std::shared_ptr<cambium::clip::CLIP> model;
  at::Tensor root = {};  // CLIP: the mean training embedding, normalised [E]
  std::filesystem::path file =
      {};  // model.safetensors, or delta.safetensors where a foundation was adapted; empty without a run folder
  train::LoopResult result = {};
};

// A model with the recipe's sizes and the paper's initialisation, drawn from the recipe's seed.
std::shared_ptr<cambium::clip::CLIP> build_model(const ModelRecipe& recipe, uint64_t seed);

// Trains to the end and writes recipe.yaml, checkpoints, logs and model.safetensors (with peft.method:
// delta.safetensors) into the run folder.
TrainedModel train_model(const LoadedRecipe& recipe, const train::RunOptions& options, const train::Distributed& ranks);

// What the run will take, measured on one micro-batch.
train::DryRunReport dry_run_model(const LoadedRecipe& recipe, const train::RunOptions& options,
                                  const train::Distributed& ranks);

}  // namespace cambium::systems::meru
