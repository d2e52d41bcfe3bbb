#pragma once
// The fields of a recipe's `train` section that every system has: they lie in it beside the system's own.
#include <cstdint>

#include "io/recipe.h"
#include "train/loop.h"
#include "train/optimizer.h"
#include "train/run_options.h"

namespace cambium::train {

// AdamW. The defaults are PyTorch's; each system gives its paper's.
struct OptimizerRecipe {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.01;
  double grad_clip = 0;  // total L2 norm; 0: none

  AdamWOptions adamw() const { return {.lr = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps}; }
};

// What the loop logs and keeps, and where its random numbers begin.
struct RunRecipe {
  int64_t log_every = 100;          // steps
  int64_t checkpoint_every = 5000;  // steps; 0: at the end and on a stop alone
  int64_t keep = 3;                 // checkpoints; 0: all
  uint64_t seed = 0;
};

void fields(io::RecipeSection& section, OptimizerRecipe& recipe);
void fields(io::RecipeSection& section, RunRecipe& recipe);

// The loop's options as far as they do not depend on the system: steps, micro-batches and evaluation are its own.
LoopOptions loop_options(const RunRecipe& recipe, const RunOptions& options);

}  // namespace cambium::train
