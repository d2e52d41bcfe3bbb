#include "systems/video_ldm/train_recipe.h"

#include "core/error.h"

namespace cambium::systems::video_ldm {

using io::at_least;
using io::between;

void fields(io::RecipeSection& s, TrainRecipe& r) {
  s.field("steps", r.steps, at_least(1));
  s.field("batch", r.batch, between(1, 65536));
  fields(s, r.optimizer);
  s.field("warmup", r.warmup, at_least(0));
  s.field("ema", r.ema, between(0, 0.9999999));
  fields(s, r.run);
  s.field("eval_every", r.eval_every, at_least(0));
  s.field("sample_every", r.sample_every, at_least(0));
}

int64_t batch_of_rank(const TrainRecipe& recipe, int64_t world) {
  if (recipe.batch % world != 0) {
    throw UsageError(
        {.what = std::to_string(recipe.batch) + " items do not divide among " + std::to_string(world) + " ranks",
         .field = "train.batch",
         .mend = "use a multiple of the number of ranks"});
  }
  return recipe.batch / world;
}

train::LoopOptions loop_options(const TrainRecipe& recipe, const train::RunOptions& options, int64_t micro_batches) {
  train::LoopOptions loop = train::loop_options(recipe.run, options);
  loop.steps = recipe.steps;
  loop.micro_batches = micro_batches;
  loop.eval_every = recipe.eval_every;
  loop.sample_every = recipe.sample_every;
  loop.ema_decay = recipe.ema;
  return loop;
}

train::OptimizerSet optimizer_set(const train::NamedTensors& parameters, const TrainRecipe& recipe,
                                  train::Decay decay) {
  train::ParameterGroup matrices{.name = "matrices", .weight_decay = recipe.optimizer.weight_decay},
      vectors{.name = "vectors"};
  for (const auto& [name, parameter] : parameters) {
    if (parameter.requires_grad()) (parameter.dim() > 1 ? matrices : vectors).parameters.emplace_back(name, parameter);
  }
  return {.groups = {std::move(matrices), std::move(vectors)},
          .adamw = recipe.optimizer.adamw(),
          .schedule = {.decay = decay, .warmup = recipe.warmup},
          .grad_clip = recipe.optimizer.grad_clip};
}

}  // namespace cambium::systems::video_ldm
