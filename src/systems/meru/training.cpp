#include "systems/meru/training.h"

#include <ATen/ops/cat.h>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "core/sha256.h"
#include "io/safetensors.h"
#include "models/clip/options_json.h"
#include "models/meru/model.h"
#include "nn/load.h"
#include "systems/meru/adapt.h"
#include "systems/meru/feature_cache.h"

namespace cambium::systems::meru {
namespace {

int64_t pairs_per_rank(const TrainRecipe& recipe, int64_t world) {
  if (recipe.batch % world != 0) {
    throw UsageError(
        {.what = std::to_string(recipe.batch) + " pairs do not divide among " + std::to_string(world) + " ranks",
         .field = "train.batch",
         .mend = "use a multiple of the number of ranks"});
  }
  return recipe.batch / world;
}

int64_t micro_batches(const TrainRecipe& recipe, int64_t world) {
  const int64_t per_rank = pairs_per_rank(recipe, world);
  if (recipe.micro_batch == 0 || recipe.micro_batch >= per_rank) return 1;
  if (per_rank % recipe.micro_batch != 0) {
    throw UsageError(
        {.what = std::to_string(per_rank) + " pairs a rank are not a multiple of " + std::to_string(recipe.micro_batch),
         .field = "train.micro_batch",
         .mend = "choose a divisor"});
  }
  return per_rank / recipe.micro_batch;
}

train::LoopOptions loop_options(const TrainRecipe& recipe, const train::RunOptions& options, int64_t world) {
  train::LoopOptions loop = train::loop_options(recipe.run, options);
  loop.steps = recipe.steps;
  loop.micro_batches = micro_batches(recipe, world);
  return loop;
}

int64_t pairs_per_micro_batch(const TrainRecipe& recipe, int64_t world) {
  return pairs_per_rank(recipe, world) / micro_batches(recipe, world);
}

std::unique_ptr<data::Loader<Pair>> make_loader(const Recipe& recipe, std::shared_ptr<const data::Dataset> dataset,
                                                data::LoaderOptions options, const train::Distributed& ranks) {
  options.stream.seed = mix_seed(recipe.train.run.seed, "data");
  options.stream.rank = ranks.rank();
  options.stream.world = ranks.world();
  options.stream.replay_order = recipe.data.replay_order;
  options.threads = recipe.data.threads;
  return std::make_unique<data::Loader<Pair>>(
      std::move(dataset),
      pair_mapper(recipe.data, recipe.model.image_size, std::make_shared<cambium::clip::Tokenizer>()),
      std::move(options));
}

// All that the towers' features depend on.
std::string features_key(const Recipe& recipe, const Adapted& adapted, const data::Dataset& dataset,
                         const train::Distributed& ranks) {
  const DataRecipe& d = recipe.data;
  const nlohmann::json parts = {adapted.foundation.fingerprint,
                                dataset.fingerprint(),
                                d.text_fields,
                                d.text_weights,
                                d.subreddit_prefix,
                                d.crop_scale,
                                d.crop_ratio,
                                recipe.model.image_size,
                                recipe.peft.views,
                                recipe.train.run.seed,
                                ranks.rank(),
                                ranks.world(),
                                c10::toString(adapted.model->compute_dtype())};
  return sha256_hex(parts.dump());
}

// Each rank caches its own share of the data.
std::shared_ptr<const train::FeatureStore> make_features(const Recipe& recipe, const Adapted& adapted,
                                                         const train::RunOptions& options,
                                                         const train::Distributed& ranks, bool rehearse) {
  constexpr int64_t kBatch = 64;  // pairs: what the towers take at once
  const auto dataset = open_dataset(recipe.data);
  const auto loader = make_loader(
      recipe, dataset, {.stream = {.passes = recipe.peft.views, .shuffle = false}, .batch_size = kBatch}, ranks);
  if (rehearse)
    return rehearse_tower_features(*adapted.model, *loader,
                                   recipe.peft.views * pairs_per_rank(recipe.train, ranks.world()));
  return tower_features(*adapted.model, *loader, train::rank_folder(options, "features", ranks),
                        features_key(recipe, adapted, *dataset, ranks));
}

// The paper's CLIP root: the mean of all training embeddings, pictures and words alike, normalised.
at::Tensor mean_embedding(PairSource& pairs, const cambium::meru::LossOptions& loss, int64_t batches) {
  const at::NoGradGuard guard;
  at::Tensor sum;
  for (int64_t i = 0; i < batches; ++i) {
    pairs.fetch(1);
    const at::Tensor part = cambium::meru::embed(at::cat(pairs.features(0)), {}, {}, loss).sum(0);
    sum = sum.defined() ? sum.add_(part) : part;
  }
  return sum.div_(sum.norm()).cpu();
}

// A run's model, and where its pairs come from.
struct Prepared {
  Recipe recipe;  // with the foundation's sizes
  Adapted adapted = {};
  std::shared_ptr<const train::FeatureStore> features = {};  // peft.method projections

  std::unique_ptr<PairSource> pairs(const train::Distributed& ranks) const {
    const int64_t batch = pairs_per_micro_batch(recipe.train, ranks.world());
    if (features) {
      return std::make_unique<CachedPairs>(adapted.model, features, batch,
                                           train::RowOrder({.rows = features->size(),
                                                            .views = recipe.peft.views,
                                                            .side_by_side = false,
                                                            .seed = mix_seed(recipe.train.run.seed, "data")}));
    }
    return std::make_unique<EncodedPairs>(adapted.model,
                                          make_loader(recipe, open_dataset(recipe.data),
                                                      {.stream = {.shuffle_buffer = recipe.data.shuffle_buffer},
                                                       .batch_size = batch,
                                                       .prefetch = 2 * pairs_per_rank(recipe.train, ranks.world())},
                                                      ranks),
                                          batch);
  }
};

Prepared prepare(const LoadedRecipe& loaded, const train::RunOptions& options, const train::Distributed& ranks,
                 bool rehearse = false) {
  Prepared prepared{.recipe = loaded.recipe};
  Recipe& recipe = prepared.recipe;
  if (recipe.foundation.empty()) {
    prepared.adapted.model = build_model(recipe.model, recipe.train.run.seed);
  } else {
    if (!std::filesystem::exists(recipe.foundation)) {
      throw Error({.what = "there are no such weights",
                   .file = recipe.foundation,
                   .field = "foundation",
                   .mend = "docs/weights.md lists every file that can be loaded and where it is published"});
    }
    prepared.adapted = adapt(cambium::clip::read_weights(recipe.foundation), recipe);
    recipe.model.image_size = prepared.adapted.model->options().visual.image_size;
  }
  cambium::clip::CLIP& model = *prepared.adapted.model;
  model.set_compute_dtype(options.compute.compute_dtype);
  model.set_checkpointing(recipe.train.checkpointing);
  // Frozen weights are held once, in the precision that they are multiplied in.
  if (recipe.peft.active()) nn::cast_frozen(model, options.compute.compute_dtype);
  model.to(options.compute.device);
  if (!rehearse) train::write_recipe(options, loaded.resolved, ranks);
  if (recipe.peft.method == "projections")
    prepared.features = make_features(recipe, prepared.adapted, options, ranks, rehearse);
  return prepared;
}

}  // namespace

std::shared_ptr<cambium::clip::CLIP> build_model(const ModelRecipe& recipe, uint64_t seed) {
  auto model = cambium::meru::make_model(recipe.clip_options(), recipe.loss_options(), recipe.learn_curv);
  at::Generator generator = make_generator(mix_seed(seed, "weights"));
  model->initialize(generator);
  return model;
}

TrainedModel train_model(const LoadedRecipe& loaded, const train::RunOptions& options,
                         const train::Distributed& ranks) {
  train::check_run_folder(loop_options(loaded.recipe.train, options, ranks.world()), ranks);
  const Prepared prepared = prepare(loaded, options, ranks);
  const Recipe& recipe = prepared.recipe;
  TrainedModel trained{.model = prepared.adapted.model};
  {
    ContrastiveTask task(recipe, trained.model, prepared.pairs(ranks), ranks);
    trained.result = train::run_loop(task, loop_options(recipe.train, options, ranks.world()), ranks);
  }
  if (recipe.model.objective == "clip") {
    // Up to 64k pairs: the mean no longer moves then.
    const int64_t batches = std::max<int64_t>(1, 65536 / pairs_per_micro_batch(recipe.train, ranks.world()));
    trained.root =
        mean_embedding(*prepared.pairs(ranks), recipe.model.loss_options(), std::min(recipe.train.steps, batches));
  }
  if (options.run.empty()) return trained;
  trained.file = options.run / (recipe.peft.active() ? "delta.safetensors" : "model.safetensors");
  if (!ranks.main()) return trained;
  if (recipe.peft.active()) {
    save_delta(trained.file, prepared.adapted, loaded, trained.root);
  } else {
    auto tensors = nn::state_tensors(*trained.model);
    if (trained.root.defined()) tensors.emplace_back("root", trained.root);
    io::write_safetensors(trained.file, tensors,
                          {{"format", "cambium.model"},
                           {"system", "meru"},
                           {"objective", recipe.model.objective},
                           {cambium::clip::kOptionsKey, cambium::clip::to_json(trained.model->options()).dump()},
                           {"recipe", loaded.resolved}});
  }
  return trained;
}

train::DryRunReport dry_run_model(const LoadedRecipe& loaded, const train::RunOptions& options,
                                  const train::Distributed& ranks) {
  const Prepared prepared = prepare(loaded, options, ranks, /*rehearse=*/true);
  ContrastiveTask task(prepared.recipe, prepared.adapted.model, prepared.pairs(ranks), ranks);
  return train::dry_run(task, loop_options(prepared.recipe.train, options, ranks.world()), ranks);
}

}  // namespace cambium::systems::meru
