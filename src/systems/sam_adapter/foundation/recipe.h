#pragma once
// The recipe of a small promptable foundation: a Segment Anything of a million parameters, trained from nothing on
// composed scenes with exact masks (recipes/sam_adapter/foundation.yaml).
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/composite/scene.h"
#include "io/recipe.h"
#include "models/sam/options.h"
#include "train/recipe.h"

namespace cambium::systems::sam_adapter::foundation {

struct ModelRecipe {
  int64_t image_size = 128;  // pixels, square
  int64_t patch = 8;         // pixels
  int64_t width = 128, depth = 4, heads = 4;
  int64_t window = 8;  // patches a side
  std::vector<double> global_blocks = {1, 3};
  int64_t neck = 64;  // channels of the embedding and of the decoder
  int64_t decoder_heads = 4, decoder_mlp = 256;

  cambium::sam::SamOptions options() const;
};

struct DataRecipe {
  std::string path = "";        // the prepared pictures; empty: the cache's (scripts/data sam_adapter)
  bool permissive_only = true;  // MIT, BSD, CC0 and public-domain pictures alone, so that the weights may be given away
  double texture_share = 0.4;   // of the backgrounds that are made by rule
  double harmonise = 0.5;       // most that an object's colours are moved towards the background's
  int64_t threads = 1;          // that compose scenes

  data::composite::SceneOptions scenes(int64_t side) const;
};

struct TrainRecipe {
  int64_t steps = 20000;
  int64_t batch = 8;  // scenes a step, four prompts each: a jittered box, the whole picture, two points
  train::OptimizerRecipe optimizer = {.lr = 2e-3, .weight_decay = 0.05, .grad_clip = 1};
  int64_t warmup = 300;    // steps
  double multimask = 0.5;  // share of the steps that train masks 1 to 3 instead of mask 0
  double refine = 0.25;    // share of the steps with a second round: the first answer and a point where it is wrong
  double bce_weight = 2.0, dice_weight = 1.0, iou_weight = 1.0;
  double auxiliary_weight = 2.0;  // of the head on the neck that is thrown away after training
  train::RunRecipe run = {.log_every = 50, .checkpoint_every = 1000, .keep = 2};
  int64_t eval_every = 2000;  // steps
  int64_t eval_scenes = 256;
};

struct Recipe {
  std::string system = "sam_adapter", task = "foundation";
  ModelRecipe model;
  DataRecipe data;
  TrainRecipe train;
};

void fields(io::RecipeSection& section, Recipe& recipe);

using LoadedRecipe = io::LoadedRecipe<Recipe>;

}  // namespace cambium::systems::sam_adapter::foundation
