#include <iostream>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "core/paths.h"
#include "io/recipe.h"
#include "systems/meru/training.h"
#include "systems/sam_adapter/foundation/training.h"
#include "systems/sam_adapter/training.h"
#include "systems/video_ldm/decoder/training.h"
#include "systems/video_ldm/foundation/training.h"
#include "systems/video_ldm/training.h"
#include "train/launch.h"

namespace cambium::cli {
namespace {

struct TrainOptions : CommonOptions {
  std::string recipe, run;
  std::vector<std::string> set;
  bool resume = false, dry_run = false;
};

struct Job {
  std::filesystem::path recipe, folder;
  std::vector<std::string> overrides;
  Compute compute;
};

// Trains by a recipe that was read, or says what that would take. `dry_run` and `train_all` are the system's.
template <class Loaded, class Trained>
void start(const TrainOptions& options, const Job& job, const train::Distributed& ranks, const Loaded& loaded,
           train::DryRunReport (*dry_run)(const Loaded&, const train::RunOptions&, const train::Distributed&),
           Trained (*train_all)(const Loaded&, const train::RunOptions&, const train::Distributed&)) {
  const train::RunOptions run{.run = job.folder, .resume = options.resume, .compute = job.compute};
  if (options.dry_run) {
    const train::DryRunReport report = dry_run(loaded, run, ranks);
    std::cout << train::describe(report);
    write_json(options, train::to_json(report).dump(2));
    return;
  }
  const auto trained = train_all(loaded, run, ranks);
  if (ranks.main()) std::cout << trained.file.string() << "\n";
}

void train_meru(const TrainOptions& options, const Job& job, const train::Distributed& ranks) {
  namespace meru = systems::meru;
  start(options, job, ranks, io::load_recipe<meru::Recipe>(job.recipe, job.overrides), meru::dry_run_model,
        meru::train_model);
}

void train_sam_adapter(const TrainOptions& options, const Job& job, const train::Distributed& ranks) {
  namespace adapter = systems::sam_adapter;
  namespace foundation = systems::sam_adapter::foundation;
  if (io::Recipe::load(job.recipe, job.overrides).peek("task") == "foundation") {
    start(options, job, ranks, io::load_recipe<foundation::Recipe>(job.recipe, job.overrides),
          foundation::dry_run_foundation, foundation::train_foundation);
  } else {
    start(options, job, ranks, io::load_recipe<adapter::Recipe>(job.recipe, job.overrides), adapter::dry_run_model,
          adapter::train_model);
  }
}

void train_video_ldm(const TrainOptions& options, const Job& job, const train::Distributed& ranks) {
  namespace video = systems::video_ldm;
  namespace foundation = systems::video_ldm::foundation;
  const std::string task = io::Recipe::load(job.recipe, job.overrides).peek("task");
  if (task == "foundation_autoencoder") {
    start(options, job, ranks, io::load_recipe<foundation::AutoencoderRecipe>(job.recipe, job.overrides),
          foundation::dry_run_autoencoder, foundation::train_autoencoder);
  } else if (task == "foundation_image") {
    start(options, job, ranks, io::load_recipe<foundation::ImageRecipe>(job.recipe, job.overrides),
          foundation::dry_run_image_model, foundation::train_image_model);
  } else if (task == "temporal_decoder") {
    start(options, job, ranks, io::load_recipe<video::decoder::Recipe>(job.recipe, job.overrides),
          video::decoder::dry_run_decoder, video::decoder::train_decoder);
  } else {
    start(options, job, ranks, io::load_recipe<video::Recipe>(job.recipe, job.overrides), video::dry_run_layers,
          video::train_layers);
  }
}

// By the recipe's `system`.
constexpr std::array<std::pair<const char*, void (*)(const TrainOptions&, const Job&, const train::Distributed&)>, 3>
    kSystems{{
        {"meru", train_meru},
        {"sam_adapter", train_sam_adapter},
        {"video_ldm", train_video_ldm},
    }};

void run(const TrainOptions& options, bool seed_given) {
  namespace fs = std::filesystem;
  Job job{.recipe = options.recipe, .folder = options.run, .overrides = options.set, .compute = options.apply()};
  // One card per rank, unless the user named one.
  if (job.compute.device.is_cuda() && !job.compute.device.has_index()) {
    job.compute.device.set_index(static_cast<c10::DeviceIndex>(train::launch_from_environment().local_rank));
  }
  if (job.recipe.empty()) {
    if (job.folder.empty() || !options.resume) {
      throw UsageError({.what = "no recipe",
                        .field = "train",
                        .mend = "name one, as cambium train recipes/meru/vit_s.yaml, or give --run DIR --resume"});
    }
    job.recipe = job.folder / "recipe.yaml";
  }
  std::error_code code;
  if (!fs::exists(job.recipe, code) && job.recipe.is_relative()) job.recipe = shared_file(job.recipe);
  if (job.folder.empty()) job.folder = fs::path("out") / "runs" / job.recipe.stem();
  if (seed_given) job.overrides.push_back("train.seed=" + std::to_string(options.seed));
  const std::string system = io::Recipe::load(job.recipe, job.overrides).peek("system");
  std::vector<std::string> known;
  for (const auto& [name, start] : kSystems) {
    known.emplace_back(name);
    if (system != name) continue;
    start(options, job, train::Distributed::from_environment({.device = job.compute.device}));
    return;
  }
  const std::string close = nearest(system, known);
  throw Error({.what = system.empty() ? "names no system" : "\"" + system + "\" is no system that can be trained",
               .file = job.recipe.string(),
               .field = "system",
               .mend = close.empty() ? "write one of meru, sam_adapter and video_ldm" : "did you mean " + close + "?"});
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
