#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/paths.h"
#include "io/recipe.h"
#include "io/weights_file.h"
#include "systems/meru/eval.h"
#include "systems/sam_adapter/eval/model_eval.h"
#include "systems/sam_adapter/eval/outputs.h"
#include "systems/sam_adapter/eval/page.h"
#include "systems/video_ldm/eval/film_eval.h"

namespace cambium::cli {
namespace {

namespace fs = std::filesystem;
namespace sa = systems::sam_adapter;

struct EvalCommand : CommonOptions {
  std::string recipe, out;
  systems::meru::ModelFiles model;
  std::vector<std::string> set;
  std::string predictions, masks, images, prediction_suffix, mask_suffix, image_suffix;
  systems::video_ldm::FilmEvalOptions films;
  std::string network;  // weights of the features' network; "" the packaged ones
  bool compat = false, grey_masks = false, resize = false, skip_faulty = false;
};

// The table, and with --out the files and the page.
void hand_over(const EvalCommand& options, const std::vector<sa::ScoredSet>& scored, const sa::ExhibitSource& exhibit,
               const std::string& title, const std::string& subtitle) {
  const std::string json = sa::to_json(scored).dump(2);
  if (options.json != "-") std::cout << report::to_text(sa::score_table(scored));
  write_json(options, json);
  if (options.out.empty()) return;
  const fs::path folder = options.out;
  write_file(folder / "scores.csv", sa::scores_csv(scored));
  write_file(folder / "results.json", json + "\n");
  const std::string footer = std::string("cambium eval, version ") + CAMBIUM_VERSION;
  sa::evaluation_page(scored, exhibit, {.title = title, .subtitle = subtitle, .footer = footer})
      .write(folder / "report.html");
  if (options.json != "-") std::cout << "the report: " << (folder / "report.html").string() << "\n";
}

void evaluate_predictions(const EvalCommand& options) {
  options.apply();
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  sa::PredictionSet set({.predictions = options.predictions,
                         .masks = options.masks,
                         .images = options.images,
                         .prediction_suffix = options.prediction_suffix,
                         .mask_suffix = options.mask_suffix,
                         .image_suffix = options.image_suffix,
                         .grey_masks = options.grey_masks,
                         .resize = options.resize,
                         .skip_faulty = options.skip_faulty});
  const int64_t threads = options.threads > 0 ? options.threads : static_cast<int64_t>(cores);
  const std::vector<sa::ScoredSet> scored = {set.evaluate({.compat = options.compat, .threads = threads})};
  const auto exhibit = [&](int64_t, int64_t i) {
    sa::PredictionSet::Pair pair = set.load(i);
    const fs::path& picture = set.entries()[static_cast<size_t>(i)].image;
    return sa::Exhibit{.picture = picture.empty() ? io::Image() : io::to_rgb(io::load_image(picture, {})),
                       .mask = std::move(pair.mask),
                       .prediction = std::move(pair.prediction)};
  };
  hand_over(options, scored, exhibit, "Evaluation of " + set.name(), options.predictions + " against " + options.masks);
}

void evaluate_sam_adapter(const EvalCommand& options, const fs::path& file) {
  const Compute compute = options.apply();
  const sa::Recipe recipe = io::load_recipe<sa::Recipe>(file, options.set).recipe;
  const auto& files = options.model;
  // Without a delta the weights are a whole checkpoint of the original.
  const auto adapted = files.delta.empty() ? sa::Adapted::open_whole(io::load_weights(files.weights), compute)
                                           : sa::Adapted::open(sa::Foundation::open(files.weights, compute),
                                                               files.delta, files.allow_foundation);
  const sa::ModelEvaluation evaluation(recipe, adapted);
  if (!evaluation.binary()) {
    const auto classes = evaluation.run_classes();
    if (options.json != "-") std::cout << report::to_text(sa::class_table(classes));
    write_json(options, sa::to_json(classes).dump(2));
    return;
  }
  const auto scored = evaluation.run({.compat = options.compat || recipe.official()});
  const auto exhibit = [&](int64_t set, int64_t i) { return evaluation.exhibit(set, i); };
  hand_over(options, scored, exhibit, "Evaluation of " + adapted->name(), "By " + file.filename().string());
}

void evaluate_meru(const EvalCommand& options, const fs::path& file) {
  using namespace systems::meru;
  const Compute compute = options.apply();
  const EvalRecipe recipe = io::load_recipe<EvalRecipe>(file, options.set).recipe;
  const EvalResult result = evaluate(Embedder::open(options.model, compute), recipe);
  if (options.json != "-") std::cout << report::to_text(result.table);
  nlohmann::ordered_json json = {{"task", recipe.task}, {"weights", options.model.weights}, {"data", recipe.data.path}};
  if (!options.model.delta.empty()) json["delta"] = options.model.delta;
  for (const auto& [name, value] : result.numbers) json[name] = value;
  write_json(options, json.dump(2));
}

void evaluate_films(const EvalCommand& options) {
  using namespace systems::video_ldm;
  const Compute compute = options.apply();
  options.films.validate();
  const auto features = options.films.distances ? open_efficientnet_features(options.network, compute.device) : nullptr;
  const FilmEval eval = systems::video_ldm::evaluate_films(options.films, features.get());
  if (options.json != "-") std::cout << report::to_text(to_table(eval));
  write_json(options, to_json(eval).dump(2));
}

void run(const EvalCommand& options) {
  if (!options.films.films.empty() || !options.films.reference.empty()) {
    if (options.recipe.empty()) return evaluate_films(options);
    throw UsageError({.what = "takes either a recipe or --films with --reference",
                      .field = "eval",
                      .mend = "leave one of them out"});
  }
  const bool files = !options.predictions.empty() || !options.masks.empty();
  if (files && !options.recipe.empty()) {
    throw UsageError({.what = "takes either a recipe or --predictions with --masks",
                      .field = "eval",
                      .mend = "leave one of them out"});
  }
  if (files) return evaluate_predictions(options);
  if (options.recipe.empty())
    throw UsageError({.what = "recipe is required",
                      .field = "eval",
                      .mend = "name one, or give --predictions with --masks, or --films with --reference"});
  if (options.model.weights.empty())
    throw UsageError({.what = "is required with a recipe", .field = "--weights", .mend = "name the model's file"});
  fs::path file = options.recipe;
  std::error_code code;
  if (!fs::exists(file, code) && file.is_relative()) file = shared_file(options.recipe);
  if (io::Recipe::load(file, options.set).peek("system") == "sam_adapter") return evaluate_sam_adapter(options, file);
  evaluate_meru(options, file);
}

}  // namespace

void add_eval(CLI::App& app) {
  auto options = std::make_shared<EvalCommand>();
  CLI::App* command = add_command(
      app, "eval",
      "the paper's evaluation of a trained model on your own copy of a data set, or of any method's predicted masks or "
      "films",
      "cambium eval recipes/meru/eval_image_folder.yaml --weights meru_vit_l.pth --set data.path=imagenet/val\n"
      "  cambium eval recipes/sam_adapter/camouflage.yaml --weights sam_vit_h_4b8939.pth --delta delta.safetensors "
      "--set data.root=COD -o out/camo\n"
      "  cambium eval --predictions results/CAMO --masks CAMO/GT --images CAMO/Imgs -o out/camo\n"
      "  cambium eval --films samples --reference held_out.jsonl --frames 16 --fps 8");
  command->add_option("recipe", options->recipe, "the evaluation recipe (YAML)");
  add_model_files(*command, options->model, "a MERU or CLIP file or folder, or a SAM (docs/weights.md lists them)",
                  false);
  command->add_option("--set", options->set, "override a field: --set data.path=DIR (may be repeated)")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--predictions", options->predictions,
                      "a folder of predicted masks: grey pictures, named as the masks are");
  command->add_option("--masks", options->masks, "the folder of true masks");
  command->add_option("--images", options->images, "the folder of the pictures, for the gallery");
  command->add_option("--films", options->films.films, "a folder of films, or a list of them (.jsonl)");
  command->add_option("--reference", options->films.reference, "the real films that they are compared with");
  command->add_option("--frames", options->films.frames, "frames of each film's middle (16)");
  command->add_option("--fps", options->films.fps, "frames a second that are taken; 0 keeps the films' own");
  command->add_option("--network", options->network, "weights of EfficientNet-Lite0, if not those of scripts/data");
  command->add_flag("!--no-distances", options->films.distances, "consistency alone, without a network");
  command->add_option("-o,--out", options->out,
                      "folder for report.html, scores.csv (a row per picture) and results.json");
  command->add_flag("--compat", options->compat, "also score as SAM-Adapter's released code does");
  command->add_flag("--grey-masks", options->grey_masks, "cut masks at 128 however grey they are");
  command->add_flag("--resize", options->resize, "bring predictions to the size of their masks (bilinear)");
  command->add_flag("--skip-faulty", options->skip_faulty, "leave faulty pairs out with a warning");
  command->add_option("--prediction-suffix", options->prediction_suffix,
                      "cut from predictions' names before pairing: _pred");
  command->add_option("--mask-suffix", options->mask_suffix, "cut from masks' names before pairing: _mask");
  command->add_option("--image-suffix", options->image_suffix, "cut from pictures' names before pairing");
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
