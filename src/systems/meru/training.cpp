#include "systems/meru/training.h"

#include <ATen/ops/cat.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "io/safetensors.h"
#include "models/clip/options_json.h"
#include "models/meru/model.h"
#include "nn/load.h"

namespace cambium::systems::meru {
namespace {

int64_t pairs_per_rank(const TrainRecipe& recipe, int64_t world) {
  if (recipe.batch % world != 0) {
    throw UsageError({.what = std::to_string(recipe.batch) + " pairs do not divide among " + std::to_string(world) + " ranks",
                      .field = "train.batch", .mend = "use a multiple of the number of ranks"});
  }
  return recipe.batch / world;
}

int64_t micro_batches(const TrainRecipe& recipe, int64_t world) {
  const int64_t per_rank = pairs_per_rank(recipe, world);
  if (recipe.micro_batch == 0 || recipe.micro_batch >= per_rank) return 1;
  if (per_rank % recipe.micro_batch != 0) {
    throw UsageError({.what = std::to_string(per_rank) + " pairs a rank are not a multiple of " + std::to_string(recipe.micro_batch),
                      .field = "train.micro_batch", .mend = "choose a divisor"});
  }
  return per_rank / recipe.micro_batch;
}

train::LoopOptions loop_options(const TrainRecipe& recipe, const RunOptions& options, int64_t world) {
  return {.run = options.run,
          .steps = recipe.steps,
          .micro_batches = micro_batches(recipe, world),
          .log_every = recipe.log_every,
          .checkpoint_every = recipe.checkpoint_every,
          .keep = recipe.keep,
          .seed = recipe.seed,
          .resume = options.resume,
          .label = options.label};
}

std::unique_ptr<data::Loader<Pair>> make_loader(const Recipe& recipe, const train::Distributed& ranks) {
  auto tokenizer = std::make_shared<cambium::clip::Tokenizer>();
  const int64_t per_rank = pairs_per_rank(recipe.train, ranks.world());
  return std::make_unique<data::Loader<Pair>>(
      open_dataset(recipe.data), pair_mapper(recipe.data, recipe.model.image_size, std::move(tokenizer)),
      data::LoaderOptions{.stream = {.seed = mix_seed(recipe.train.seed, "data"),
                                     .rank = ranks.rank(),
                                     .world = ranks.world(),
                                     .shuffle_buffer = recipe.data.shuffle_buffer,
                                     .replay_order = recipe.data.replay_order},
                          .batch_size = per_rank / micro_batches(recipe.train, ranks.world()),
                          .threads = recipe.data.threads,
                          .prefetch = 2 * per_rank});
}

// The paper's CLIP root: the mean of all training embeddings, pictures and words alike, normalised.
at::Tensor mean_embedding(cambium::clip::CLIP& model, data::Loader<Pair>& loader, int64_t image_size, int64_t batches) {
  const at::NoGradGuard guard;
  at::Tensor sum;
  for (int64_t i = 0; i < batches; ++i) {
    const PairBatch batch = collate(loader.next().value(), image_size);
    const at::Tensor part = at::cat({model.encode_image(batch.pixels.to(model.logit_scale().device())), model.encode_text(batch.tokens)}).sum(0);
    sum = sum.defined() ? sum.add_(part) : part;
  }
  return sum.div_(sum.norm()).cpu();
}

struct Prepared {
  std::shared_ptr<cambium::clip::CLIP> model;
  std::unique_ptr<ContrastiveTask> task;
};

Prepared prepare(const Recipe& recipe, const RunOptions& options, const train::Distributed& ranks) {
  Prepared prepared;
  prepared.model = build_model(recipe.model, recipe.train.seed);
  prepared.model->set_compute_dtype(options.compute.compute_dtype);
  prepared.model->set_checkpointing(recipe.train.checkpointing);
  prepared.model->to(options.compute.device);
  prepared.task = std::make_unique<ContrastiveTask>(recipe, prepared.model, make_loader(recipe, ranks), ranks);
  return prepared;
}

}  // namespace

std::shared_ptr<cambium::clip::CLIP> build_model(const ModelRecipe& recipe, uint64_t seed) {
  auto model = cambium::meru::make_model(recipe.clip_options(), recipe.loss_options(), recipe.learn_curv);
  at::Generator generator = make_generator(mix_seed(seed, "weights"));
  model->initialize(generator);
  return model;
}

TrainedModel train_model(const LoadedRecipe& loaded, const RunOptions& options, const train::Distributed& ranks) {
  const Recipe& recipe = loaded.recipe;
  Prepared prepared = prepare(recipe, options, ranks);
  if (!options.run.empty() && ranks.main() && !options.resume) write_file(options.run / "recipe.yaml", loaded.resolved);

  TrainedModel trained{.model = prepared.model};
  trained.result = train::run_loop(*prepared.task, loop_options(recipe.train, options, ranks.world()), ranks);
  if (recipe.model.objective == "clip") {
    const auto loader = make_loader(recipe, ranks);
    // Up to 64k pairs: the mean no longer moves then.
    const int64_t batch = pairs_per_rank(recipe.train, ranks.world()) / micro_batches(recipe.train, ranks.world());
    trained.root = mean_embedding(*prepared.model, *loader, recipe.model.image_size, std::min(recipe.train.steps, std::max<int64_t>(1, 65536 / batch)));
  }
  if (!options.run.empty() && ranks.main()) {
    auto tensors = nn::state_tensors(*prepared.model);
    if (trained.root.defined()) tensors.emplace_back("root", trained.root);
    io::write_safetensors(options.run / "model.safetensors", tensors,
                          {{"format", "cambium.model"},
                           {"system", "meru"},
                           {"objective", recipe.model.objective},
                           {cambium::clip::kOptionsKey, cambium::clip::to_json(prepared.model->options()).dump()},
                           {"recipe", loaded.resolved}});
  }
  return trained;
}

train::DryRunReport dry_run_model(const LoadedRecipe& loaded, const RunOptions& options, const train::Distributed& ranks) {
  Prepared prepared = prepare(loaded.recipe, options, ranks);
  return train::dry_run(*prepared.task, loop_options(loaded.recipe.train, options, ranks.world()), ranks);
}

}  // namespace cambium::systems::meru
