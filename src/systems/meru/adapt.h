#pragma once
// A foundation, any CLIP that can be opened, adapted: what a recipe's `foundation` and `peft` make of it, and its
// delta.
#include <filesystem>
#include <memory>

#include "models/clip/weights.h"
#include "models/meru/model.h"
#include "peft/delta.h"
#include "systems/meru/recipe.h"

namespace cambium::systems::meru {

struct Adapted {
  std::shared_ptr<cambium::clip::CLIP> model;
  peft::Foundation foundation;  // of the weights as they came
};

// The model of the recipe's objective on these weights: MERU with fresh scalars where the weights have none, EuCLIP
// with its own temperature, or CLIP. By peft.method, trained are: everything (none); the projections and the loss's
// scalars (projections); these and low-rank terms in the towers, drawn from the recipe's seed (lora).
Adapted adapt(cambium::clip::Weights weights, const Recipe& recipe);

// What was trained, beside which foundation and by which recipe. `root` is CLIP's, or undefined.
void save_delta(const std::filesystem::path& file, const Adapted& adapted, const LoadedRecipe& recipe,
                const at::Tensor& root);

// The model that the delta and its foundation make together. `allow` takes another foundation of the same architecture.
// Errors: as clip::read_weights, peft::read_delta, peft::check_foundation, peft::apply_delta; a delta of another
// system.
cambium::meru::Checkpoint open_adapted(const std::filesystem::path& weights, const std::filesystem::path& delta,
                                       bool allow);

}  // namespace cambium::systems::meru
