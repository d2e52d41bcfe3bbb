#include <iostream>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "core/paths.h"
#include "systems/meru/training.h"
#include "train/launch.h"

namespace cambium::cli {
namespace {

struct TrainOptions : CommonOptions {
  std::string recipe, run;
  std::vector<std::string> set;
  bool resume = false, dry_run = false;
};

void run(const TrainOptions& options, bool seed_given) {
  namespace fs = std::filesystem;
  Compute compute = options.apply();
  // One card per rank, unless the user named one.
  if (compute.device.is_cuda() && !compute.device.has_index()) {
    compute.device.set_index(static_cast<c10::DeviceIndex>(train::launch_from_environment().local_rank));
  }
  fs::path recipe = options.recipe, folder = options.run;
  if (recipe.empty()) {
    if (folder.empty() || !options.resume) {
      throw UsageError({.what = "no recipe",
                        .field = "train",
                        .mend = "name one, as cambium train recipes/meru/vit_s.yaml, or give --run DIR --resume"});
    }
    recipe = folder / "recipe.yaml";
  }
  std::error_code code;
  if (!fs::exists(recipe, code) && recipe.is_relative()) recipe = shared_file(recipe);
  if (folder.empty()) folder = fs::path("out") / "runs" / recipe.stem();
  std::vector<std::string> overrides = options.set;
  if (seed_given) overrides.push_back("train.seed=" + std::to_string(options.seed));
  const auto loaded = systems::meru::load_recipe(recipe, overrides);
  const auto ranks = train::Distributed::from_environment({.device = compute.device});
  const systems::meru::RunOptions run_options{.run = folder, .resume = options.resume, .compute = compute};
  if (options.dry_run) {
    const auto report = systems::meru::dry_run_model(loaded, run_options, ranks);
    std::cout << train::describe(report, {.steps = loaded.recipe.train.steps});
    write_json(options, train::to_json(report).dump(2));
    return;
  }
  const auto trained = systems::meru::train_model(loaded, run_options, ranks);
  if (ranks.main()) std::cout << trained.file.string() << "\n";
}

}  // namespace

void add_train(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command =
      add_command(app, "train", "train a model by a recipe",
                  "cambium train recipes/meru/vit_s.yaml --set data.paths='shards/*.tar' --run runs/vit_s");
  command->add_option("recipe", options->recipe, "the recipe (YAML); with --resume the run folder's own if left out");
  command->add_option("--set", options->set, "override a field: --set train.lr=1e-4 (may be repeated)")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--run", options->run, "folder for checkpoints, logs and the model (default out/runs/RECIPE)");
  command->add_flag("--resume", options->resume, "continue the run in --run from its newest checkpoint");
  command->add_flag("--dry-run", options->dry_run, "measure one micro-batch: parameters, memory and time it will take");
  add_common(*command, *options);
  command->callback([options, command] { run(*options, command->count("--seed") > 0); });
}

}  // namespace cambium::cli
