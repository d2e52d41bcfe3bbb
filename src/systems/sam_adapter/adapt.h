#pragma once
// A foundation, adapted: what a recipe makes of a SAM, and its delta.
#include <filesystem>
#include <memory>

#include "models/sam/weights.h"
#include "models/sam_adapter/model.h"
#include "nn/load.h"
#include "peft/delta.h"
#include "systems/sam_adapter/recipe.h"

namespace cambium::systems::sam_adapter {

struct AdaptedModel {
  std::shared_ptr<cambium::sam_adapter::SamAdapter> model;
  peft::Foundation foundation;  // of the weights as they came
  // What comes before this block is frozen and told nothing: 0 where the whole encoder is adapted, its depth where only
  // the decoder is trained.
  int64_t frozen_blocks = 0;
};

// The model that the recipe's method makes of these weights, with what is trained alone requiring gradients. What is
// drawn comes from the recipe's seed.
AdaptedModel adapt(const cambium::sam::Weights& weights, const peft::Foundation& identity, const Recipe& recipe,
                   const nn::LoadOptions& load = {});

// Gives what is trained memory of its own: a mapped file can then be let go, and is not trained in place.
void own_trained(cambium::sam_adapter::SamAdapter& model);

// What a delta or a checkpoint must hold: everything trained and, where it was drawn anew, the position basis. The
// tensors are the model's own.
io::NamedTensors delta_tensors(const cambium::sam_adapter::SamAdapter& model, const Recipe& recipe);

// What was trained, beside which foundation and by which recipe. bfloat16: about 8 MB with a mask decoder, less than 1
// without.
void save_delta(const std::filesystem::path& file, const AdaptedModel& adapted, const LoadedRecipe& recipe,
                c10::ScalarType dtype = c10::kBFloat16);

// Gives the model the delta's tensors. Errors as peft::apply_delta.
void apply_delta(cambium::sam_adapter::SamAdapter& model, peft::Delta delta, const Recipe& recipe);

}  // namespace cambium::systems::sam_adapter
