#include "systems/sam_adapter/foundation/training.h"

#include "core/error.h"
#include "core/paths.h"
#include "core/random.h"
#include "data/composite/scene_stream.h"
#include "io/safetensors.h"
#include "models/sam/weights.h"
#include "nn/load.h"

namespace cambium::systems::sam_adapter::foundation {
namespace {

using data::composite::PictureInfo;
using data::composite::Split;
using data::composite::StockPicture;

// What scenes are made of, in one split.
struct Stock {
  std::vector<StockPicture> objects, backgrounds;
};

std::shared_ptr<const Stock> read_stock(const DataRecipe& recipe, Split split) {
  const std::filesystem::path folder = recipe.path.empty() ? prepared_pictures() : std::filesystem::path(recipe.path);
  const auto wanted = [&](const PictureInfo& info) {
    return info.split == split && (!recipe.permissive_only || data::composite::is_permissive(info.licence));
  };
  return std::make_shared<Stock>(
      Stock{data::composite::read_objects(folder, wanted), data::composite::read_backgrounds(folder, wanted)});
}

PromptedScene draw(const Stock& stock, const data::composite::SceneOptions& options, Rng& rng) {
  return draw_prompts(data::composite::compose_scene(stock.objects, stock.backgrounds, options, rng), rng);
}

std::unique_ptr<FoundationTask::Loader> make_loader(const Recipe& recipe, std::shared_ptr<const Stock> stock,
                                                    const train::Distributed& ranks) {
  if (recipe.train.batch % ranks.world() != 0) {
    throw UsageError({.what = std::to_string(recipe.train.batch) + " scenes do not divide among " +
                              std::to_string(ranks.world()) + " ranks",
                      .field = "train.batch",
                      .mend = "use a multiple of the number of ranks"});
  }
  const auto options = recipe.data.scenes(recipe.model.image_size);
  const int64_t batch = recipe.train.batch / ranks.world();
  return std::make_unique<FoundationTask::Loader>(
      std::make_shared<data::composite::NumberedStream>("scenes"),
      [stock = std::move(stock), options](data::Sample&&, Rng& rng) { return draw(*stock, options, rng); },
      data::LoaderOptions{
          .stream = {.seed = mix_seed(recipe.train.run.seed, "scenes"), .rank = ranks.rank(), .world = ranks.world()},
          .batch_size = batch,
          .threads = recipe.data.threads,
          .prefetch = 4 * batch,
          .skip_bad = false});
}

std::vector<PromptBatch> validation_batches(const Recipe& recipe, const c10::Device& device) {
  const auto stock = read_stock(recipe.data, Split::validation);
  const auto options = recipe.data.scenes(recipe.model.image_size);
  std::vector<PromptBatch> batches;
  constexpr int64_t kBatch = 32;
  for (int64_t begin = 0; begin < recipe.train.eval_scenes; begin += kBatch) {
    std::vector<PromptedScene> scenes;
    for (int64_t i = begin; i < std::min(begin + kBatch, recipe.train.eval_scenes); ++i) {
      Rng rng(mix_seed(101, "validation scene", static_cast<uint64_t>(i)));
      scenes.push_back(draw(*stock, options, rng));
    }
    batches.push_back(collate(scenes, device));
  }
  return batches;
}

train::LoopOptions loop_options(const TrainRecipe& recipe, const train::RunOptions& options) {
  train::LoopOptions loop = train::loop_options(recipe.run, options);
  loop.steps = recipe.steps;
  loop.eval_every = recipe.eval_every;
  return loop;
}

struct Prepared {
  std::shared_ptr<cambium::sam::Sam> model;
  std::vector<PromptBatch> validation;
  std::unique_ptr<FoundationTask> task;
};

Prepared prepare(const Recipe& recipe, const train::RunOptions& options, const train::Distributed& ranks) {
  Prepared prepared{.model = std::make_shared<cambium::sam::Sam>(recipe.model.options()),
                    .validation = validation_batches(recipe, options.compute.device)};
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "weights"));
  prepared.model->initialize(generator);
  prepared.model->to(options.compute.device);
  prepared.model->set_dtype(options.compute.compute_dtype);
  prepared.task = std::make_unique<FoundationTask>(
      recipe, prepared.model, make_loader(recipe, read_stock(recipe.data, Split::train), ranks), prepared.validation);
  return prepared;
}

}  // namespace

std::filesystem::path prepared_pictures() {
  const std::filesystem::path folder = cache_dir() / "data" / "cutouts-1";
  if (!std::filesystem::exists(folder / "objects.tar")) {
    throw Error(
        {.what = "the pictures are not there yet", .file = folder.string(), .mend = "run scripts/data sam_adapter"});
  }
  return folder;
}

TrainedFoundation train_foundation(const LoadedRecipe& loaded, const train::RunOptions& options,
                                   const train::Distributed& ranks) {
  const train::LoopOptions loop = loop_options(loaded.recipe.train, options);
  train::check_run_folder(loop, ranks);
  Prepared prepared = prepare(loaded.recipe, options, ranks);
  train::write_recipe(options, loaded.resolved, ranks);
  TrainedFoundation trained{.model = prepared.model};
  trained.result = train::run_loop(*prepared.task, loop, ranks);

  // Scored as it will be used: rounded to bfloat16.
  io::NamedTensors rounded;
  {
    const at::NoGradGuard guard;
    for (auto& [name, tensor] : nn::state_tensors(*trained.model)) {
      rounded.emplace_back(name, tensor.detach().to(at::kBFloat16));
      tensor.copy_(rounded.back().second);
    }
  }
  trained.scores = score(*trained.model, prepared.validation);
  if (options.run.empty() || !ranks.main()) return trained;
  trained.file = options.run / "model.safetensors";
  std::map<std::string, std::string> metadata = cambium::sam::metadata_of(trained.model->options());
  metadata.insert({{"format", "cambium.model"},
                   {"system", "sam_adapter"},
                   {"recipe", loaded.resolved},
                   {"steps", std::to_string(trained.result.step)},
                   {"box_iou", std::to_string(trained.scores.box)},
                   {"point_iou", std::to_string(trained.scores.point)}});
  io::write_safetensors(trained.file, rounded, metadata);
  return trained;
}

train::DryRunReport dry_run_foundation(const LoadedRecipe& loaded, const train::RunOptions& options,
                                       const train::Distributed& ranks) {
  const Prepared prepared = prepare(loaded.recipe, options, ranks);
  return train::dry_run(*prepared.task, loop_options(loaded.recipe.train, options), ranks);
}

}  // namespace cambium::systems::sam_adapter::foundation
