#include "train/recipe.h"

namespace cambium::train {

using io::above;
using io::at_least;
using io::between;

void fields(io::RecipeSection& s, OptimizerRecipe& r) {
  s.field("lr", r.lr, above(0));
  s.field("beta1", r.beta1, between(0, 0.9999999));
  s.field("beta2", r.beta2, between(0, 0.9999999));
  s.field("eps", r.eps, above(0));
  s.field("weight_decay", r.weight_decay, at_least(0));
  s.field("grad_clip", r.grad_clip, at_least(0));
}

void fields(io::RecipeSection& s, RunRecipe& r) {
  s.field("log_every", r.log_every, at_least(1));
  s.field("checkpoint_every", r.checkpoint_every, at_least(0));
  s.field("keep", r.keep, at_least(0));
  auto seed = static_cast<int64_t>(r.seed);
  s.field("seed", seed, at_least(0));
  r.seed = static_cast<uint64_t>(seed);
}

LoopOptions loop_options(const RunRecipe& recipe, const RunOptions& options) {
  return {.run = options.run,
          .log_every = recipe.log_every,
          .checkpoint_every = recipe.checkpoint_every,
          .keep = recipe.keep,
          .seed = recipe.seed,
          .resume = options.resume,
          .label = options.label};
}

}  // namespace cambium::train
