#pragma once
// The `train` section that the recipes of this system share.
#include <cstdint>

#include "train/recipe.h"
#include "train/schedule.h"
#include "train/task.h"

namespace cambium::systems::video_ldm {

struct TrainRecipe {
  int64_t steps = 1000;
  int64_t batch = 16;  // items a step, over all ranks
  train::OptimizerRecipe optimizer = {};
  int64_t warmup = 100;  // steps
  double ema = 0.999;    // most that averaged weights keep of themselves at a step; 0: none
  train::RunRecipe run = {.log_every = 50, .checkpoint_every = 1000, .keep = 2};
  int64_t eval_every = 0, sample_every = 0;  // steps; 0: never
};

void fields(io::RecipeSection& section, TrainRecipe& recipe);

// Items of a step on one rank. UsageError where they do not divide.
int64_t batch_of_rank(const TrainRecipe& recipe, int64_t world);
train::LoopOptions loop_options(const TrainRecipe& recipe, const train::RunOptions& options, int64_t micro_batches = 1);

// One set of everything among `parameters` that requires grad: matrices decay, vectors do not.
train::OptimizerSet optimizer_set(const train::NamedTensors& parameters, const TrainRecipe& recipe, train::Decay decay);

}  // namespace cambium::systems::video_ldm
