#include "systems/sam_adapter/training.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "core/sha256.h"
#include "data/masks/layouts.h"
#include "models/sam/weights.h"
#include "nn/load.h"

namespace cambium::systems::sam_adapter {
namespace {

using cambium::data::MaskItem;
using cambium::data::MaskPairs;
using cambium::sam_adapter::SamAdapter;
using Pairs = std::shared_ptr<const MaskPairs>;

struct Sets {
  Pairs training = {}, validation = {};  // validation: null where the recipe asks for none
};

// Every n-th pair is held out, and of fewer than n the last one.
Sets split(const MaskPairs& all, double share) {
  const int64_t every = std::min(std::max<int64_t>(2, std::llround(1 / share)), all.size());
  std::vector<cambium::data::MaskPair> training, validation;
  for (int64_t i = 0; i < all.size(); ++i) {
    (i % every == every - 1 ? validation : training).push_back(all.pairs()[static_cast<size_t>(i)]);
  }
  if (training.empty()) {
    throw UsageError({.what = "leaves no picture to train on, there is only one",
                      .field = "validation.share",
                      .mend = "write 0 for no validation"});
  }
  return {
      .training = std::make_shared<MaskPairs>(all.source(), std::move(training), all.options()),
      .validation = std::make_shared<MaskPairs>(all.source() + " (held out)", std::move(validation), all.options())};
}

Sets open_sets(const Recipe& recipe) {
  const auto& set = recipe.data.set;
  if (set.root.empty() && (set.layout != "folders" || set.images.empty() || set.masks.empty())) {
    throw UsageError({.what = "names no data",
                      .field = set.layout == "folders" ? "data.images" : "data.root",
                      .mend = set.layout == "folders"
                                  ? "set it in the recipe, or with --set data.images=DIR --set data.masks=DIR"
                                  : "set it in the recipe, or with --set data.root=DIR"});
  }
  const Pairs all = cambium::data::open_mask_set(recipe.training_set());
  if (recipe.has_validation_set())
    return {.training = all, .validation = cambium::data::open_mask_set(recipe.validation_set())};
  if (recipe.validation.share > 0) return split(*all, recipe.validation.share);
  return {.training = all};
}

cambium::sam::Weights open_foundation(const Recipe& recipe) {
  if (recipe.foundation.empty()) {
    throw UsageError(
        {.what = "names no weights to adapt",
         .field = "foundation",
         .mend = "set it, as --set foundation=sam_vit_b_01ec64.pth; docs/weights.md says where it is published"});
  }
  return cambium::sam::read_weights(recipe.foundation);
}

train::LoopOptions loop_options(const Recipe& recipe, const Course& course, bool validates,
                                const train::RunOptions& options) {
  train::LoopOptions loop = train::loop_options(recipe.train.run, options);
  loop.steps = course.steps;
  loop.micro_batches = course.micro_batches;
  if (loop.checkpoint_every == 0) loop.checkpoint_every = course.steps_per_epoch;
  if (validates) loop.eval_every = recipe.validation.every * course.steps_per_epoch;
  return loop;
}

cambium::data::LoaderOptions loader_options(const Recipe& recipe, const train::Distributed& ranks) {
  return {.stream = {.seed = mix_seed(recipe.train.run.seed, "data"), .rank = ranks.rank(), .world = ranks.world()},
          .threads = recipe.data.threads,
          .skip_bad = recipe.data.set.skip_faulty};
}

// A run's model and where its masks come from.
class Prepared {
 public:
  Prepared(const LoadedRecipe& loaded, const cambium::sam::Weights& weights, Sets sets,
           const train::RunOptions& options, const train::Distributed& ranks)
      : loaded_(loaded), sets_(std::move(sets)), options_(options), ranks_(ranks) {
    const Recipe& recipe = loaded.recipe;
    image_size_ = recipe.model.image_size ? recipe.model.image_size : weights.options.encoder.image_size;
    if (image_size_ % weights.options.encoder.patch != 0) {
      throw UsageError({.what = std::to_string(image_size_) + " is no multiple of the foundation's patches of " +
                                std::to_string(weights.options.encoder.patch),
                        .field = "model.image_size",
                        .mend = "choose one, or 0 for the foundation's own size"});
    }
    course_ = Course::of(recipe.train, sets_.training->size(), ranks.world());
    adapted_ = adapt(weights, peft::Foundation::of(weights.state.tensors), recipe);
    SamAdapter& model = *adapted_.model;
    model.set_compute_dtype(options.compute.compute_dtype);
    model.set_checkpointing(recipe.train.checkpointing);
    own_trained(model);
    // Frozen weights are held once, in the precision that they are multiplied in.
    nn::cast_frozen(model, options.compute.compute_dtype);
    model.to(options.compute.device);
  }

  const Course& course() const { return course_; }
  const AdaptedModel& adapted() const { return adapted_; }
  train::LoopOptions loop() const {
    return loop_options(loaded_.recipe, course_, sets_.validation != nullptr, options_);
  }

  std::unique_ptr<MaskTask> task(bool rehearse) const {
    auto task = std::make_unique<MaskTask>(loaded_, adapted_, adapted_.frozen_blocks > 0 ? cached(rehearse) : encoded(),
                                           course_, ranks_);
    if (sets_.validation) {
      task->set_validation(std::make_unique<Validation>(loaded_.recipe, sets_.validation, image_size_),
                           rehearse ? std::filesystem::path() : options_.run);
    }
    return task;
  }

 private:
  std::unique_ptr<MaskSource> encoded() const {
    const Recipe& recipe = loaded_.recipe;
    cambium::data::LoaderOptions options = loader_options(recipe, ranks_);
    options.batch_size = course_.micro_batch;
    options.prefetch = 2 * course_.micro_batch * course_.micro_batches;
    const cambium::data::MaskTransformOptions transform{.size = image_size_, .flip = recipe.data.flip};
    transform.validate();
    auto loader = std::make_unique<cambium::data::Loader<MaskItem>>(
        sets_.training,
        [transform, masks = sets_.training->options()](cambium::data::Sample&& sample, Rng& rng) {
          return cambium::data::transform(cambium::data::decode_pair(sample, masks), transform, rng);
        },
        options);
    return std::make_unique<EncodedMasks>(adapted_.model, std::move(loader),
                                          course_.micro_batch * 4 * image_size_ * image_size_);
  }

  // What the frozen part makes of every picture, and of its mirror image.
  std::unique_ptr<MaskSource> cached(bool rehearse) const {
    const Recipe& recipe = loaded_.recipe;
    const int64_t views = recipe.data.flip > 0 ? recipe.peft.views : 1;
    cambium::data::LoaderOptions options = loader_options(recipe, ranks_);
    options.stream.shuffle = false;
    options.stream.passes = 1;
    options.batch_size = course_.micro_batch;
    using Views = std::vector<MaskItem>;
    cambium::data::Loader<Views> loader(
        sets_.training,
        [views, size = image_size_, masks = sets_.training->options()](cambium::data::Sample&& sample, Rng&) {
          cambium::data::MaskedImage pair = cambium::data::decode_pair(sample, masks);
          Views items;
          for (int64_t view = 0; view < views; ++view)
            items.push_back(cambium::data::transform(pair, size, /*flip=*/view == 1));
          return items;
        },
        options);
    const train::FeatureStore::Source source{.next = [&]() -> std::optional<io::NamedTensors> {
                                               auto batch = loader.next();
                                               if (!batch) return std::nullopt;
                                               Views items;
                                               for (Views& item : *batch)
                                                 std::move(item.begin(), item.end(), std::back_inserter(items));
                                               return frozen_rows(*adapted_.model, cambium::data::collate(items),
                                                                  adapted_.frozen_blocks);
                                             },
                                             .position = [&] { return loader.state(); },
                                             .restore = [&](const nlohmann::json& state) { loader.restore(state); }};
    std::shared_ptr<const train::FeatureStore> store;
    if (rehearse) {
      store = train::FeatureStore::rehearse(source, views * course_.micro_batch * course_.micro_batches);
      const int64_t rows = views * sets_.training->size() / ranks_.world();
      log::info("before the first step, what the frozen part makes of the pictures is computed once: about " +
                std::to_string(rows * store->row_bytes() / 1'000'000) + " MB on disk");
    } else {
      store = train::FeatureStore::make(source, {.folder = train::rank_folder(options_, "features", ranks_),
                                                 .key = feature_key(views),
                                                 .label = "frozen features",
                                                 .unit = "pictures"});
    }
    return std::make_unique<CachedMasks>(
        adapted_.model, store, adapted_.frozen_blocks, course_.micro_batch,
        train::RowOrder({.rows = store->size(), .views = views, .seed = mix_seed(recipe.train.run.seed, "data")}));
  }

  // All that the frozen part's output depends on.
  std::string feature_key(int64_t views) const {
    const nlohmann::json parts = {adapted_.foundation.fingerprint,
                                  sets_.training->fingerprint(),
                                  image_size_,
                                  adapted_.frozen_blocks,
                                  views,
                                  ranks_.rank(),
                                  ranks_.world(),
                                  c10::toString(options_.compute.compute_dtype)};
    return sha256_hex(parts.dump());
  }

  LoadedRecipe loaded_;
  Sets sets_;
  train::RunOptions options_;
  const train::Distributed& ranks_;
  int64_t image_size_ = 0;
  Course course_;
  AdaptedModel adapted_;
};

TrainedModel run(const LoadedRecipe& loaded, const Prepared& prepared, const train::RunOptions& options,
                 const train::Distributed& ranks) {
  train::write_recipe(options, loaded.resolved, ranks);
  TrainedModel trained{.adapted = prepared.adapted()};
  {
    const auto task = prepared.task(/*rehearse=*/false);
    trained.result = train::run_loop(*task, prepared.loop(), ranks);
  }
  if (options.run.empty()) return trained;
  trained.file = options.run / "delta.safetensors";
  if (ranks.main()) save_delta(trained.file, trained.adapted, loaded);
  return trained;
}

void check_folder(const LoadedRecipe& loaded, const train::RunOptions& options, const train::Distributed& ranks) {
  train::check_run_folder(train::loop_options(loaded.recipe.train.run, options), ranks);
}

}  // namespace

TrainedModel train_model(const LoadedRecipe& loaded, const train::RunOptions& options,
                         const train::Distributed& ranks) {
  check_folder(loaded, options, ranks);
  Sets sets = open_sets(loaded.recipe);
  return run(loaded, Prepared(loaded, open_foundation(loaded.recipe), std::move(sets), options, ranks), options, ranks);
}

TrainedModel train_model(const LoadedRecipe& loaded, const cambium::sam::Weights& weights, Pairs training,
                         Pairs validation, const train::RunOptions& options, const train::Distributed& ranks) {
  check_folder(loaded, options, ranks);
  const Prepared prepared(loaded, weights, {.training = std::move(training), .validation = std::move(validation)},
                          options, ranks);
  return run(loaded, prepared, options, ranks);
}

train::DryRunReport dry_run_model(const LoadedRecipe& loaded, const train::RunOptions& options,
                                  const train::Distributed& ranks) {
  Sets sets = open_sets(loaded.recipe);
  const Prepared prepared(loaded, open_foundation(loaded.recipe), std::move(sets), options, ranks);
  const auto task = prepared.task(/*rehearse=*/true);
  return train::dry_run(*task, prepared.loop(), ranks);
}

}  // namespace cambium::systems::sam_adapter
