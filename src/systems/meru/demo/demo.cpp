#include "systems/meru/demo/demo.h"

#include <chrono>
#include <iostream>

#include "core/error.h"
#include "core/log.h"
#include "core/paths.h"
#include "core/progress.h"
#include "systems/meru/demo/page.h"
#include "systems/meru/training.h"

namespace cambium::systems::meru::demo {
namespace {

namespace fs = std::filesystem;

const char* mode_name(Mode mode) { return mode == Mode::smoke ? "smoke" : mode == Mode::full ? "full" : "short"; }

fs::path data_folder(const DemoOptions& options) {
  if (!options.data.empty()) return options.data;
  if (options.mode == Mode::smoke) return shared_file("tests/fixtures/emoji");
  const fs::path prepared = cache_dir() / "data" / "emoji-1";
  if (!fs::exists(prepared / "catalog.json")) {
    throw Error(
        {.what = "the demo's pictures are not there yet", .file = prepared.string(), .mend = "run scripts/data meru"});
  }
  return prepared;
}

// The fixture of --smoke has only the styles that may be shipped with it.
std::vector<data::emoji::Style> styles_in(const fs::path& data) {
  std::vector<data::emoji::Style> found;
  for (const auto& style : data::emoji::styles()) {
    if (fs::exists(data / (std::string(style.name) + "-seen.tar"))) found.push_back(style);
  }
  const auto trained = [](const auto& style) { return style.trained; };
  if (std::none_of(found.begin(), found.end(), trained) || std::all_of(found.begin(), found.end(), trained)) {
    throw Error({.what = "lacks styles to train on, or held-out ones",
                 .file = data.string(),
                 .mend = "run scripts/data meru again"});
  }
  return found;
}

struct Trained {
  Embedder embedder;
  fs::path run;
  double seconds = 0;
};

Trained train(const DemoOptions& options, const fs::path& data, const std::string& objective, uint64_t seed,
              std::string& resolved) {
  std::vector<std::string> overrides = {"train.seed=" + std::to_string(seed)};
  std::string shards;
  for (const auto& style : styles_in(data)) {
    if (style.trained)
      shards += (shards.empty() ? "\"" : ", \"") + (data / (std::string(style.name) + "-seen.tar")).string() + "\"";
  }
  overrides.push_back("data.paths=[" + shards + "]");
  if (options.mode == Mode::smoke)
    overrides.insert(overrides.end(), {"train.steps=20", "train.warmup=2", "train.batch=32", "train.log_every=5"});
  overrides.insert(overrides.end(), options.overrides.begin(), options.overrides.end());
  overrides.push_back("model.objective=" + objective);
  const LoadedRecipe recipe = io::load_recipe<Recipe>(shared_file("recipes/meru/demo.yaml"), overrides);
  if (objective == "meru") resolved = recipe.resolved;
  const fs::path run = options.out / (objective + "-seed" + std::to_string(seed));
  fs::remove_all(run);  // a demo starts anew every time
  const train::Distributed alone;
  TrainedModel trained = train_model(
      recipe, {.run = run, .compute = options.compute, .label = objective == "meru" ? "MERU" : "CLIP"}, alone);
  return {Embedder(trained.model, recipe.recipe.model.loss_options(), trained.root, options.compute), run,
          trained.result.seconds};
}

}  // namespace

report::Results run_demo(const DemoOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  const fs::path data = data_folder(options);
  const auto catalog = data::emoji::read_catalog(data / "catalog.json");
  const WordTree tree = word_tree(catalog);

  report::Results results{.system = "meru", .mode = mode_name(options.mode), .seed = options.seed};
  PageInputs page{.catalog = &catalog, .tree = &tree};
  std::vector<Trained> first;  // the first seed's MERU and CLIP, for the page
  std::vector<StyleSet> unseen;
  double train_seconds = 0;
  const uint64_t seeds = options.mode == Mode::full ? 3 : 1;
  for (uint64_t seed = options.seed; seed < options.seed + seeds; ++seed) {
    Trained meru = train(options, data, "meru", seed, page.recipe);
    Trained clip = train(options, data, "clip", seed, page.recipe);
    train_seconds += meru.seconds + clip.seconds;
    if (page.seen.empty()) {
      const int64_t size = meru.embedder.image_size();
      for (const auto& style : styles_in(data)) {
        page.styles.push_back(read_style(data, style.name, false, catalog, size));
        if (!style.trained) page.seen.push_back(page.styles.back());
        unseen.push_back(read_style(data, style.name, true, catalog, size));
      }
    }
    const Embeddings meru_words = embed_words(meru.embedder, tree), clip_words = embed_words(clip.embedder, tree);
    page.outcomes.push_back({.seed = seed,
                             .meru_seen = evaluate("MERU", meru.embedder, meru_words, tree, page.seen),
                             .clip_seen = evaluate("CLIP", clip.embedder, clip_words, tree, page.seen),
                             .meru_unseen = evaluate("MERU", meru.embedder, meru_words, tree, unseen),
                             .clip_unseen = evaluate("CLIP", clip.embedder, clip_words, tree, unseen)});
    if (first.empty()) {
      page.meru_words = meru_words;
      page.clip_words = clip_words;
      page.meru_history = read_history(meru.run);
      page.clip_history = read_history(clip.run);
      first.push_back(std::move(meru));
      first.push_back(std::move(clip));
    }
  }
  page.meru = &first[0].embedder;
  page.clip = &first[1].embedder;
  page.train_seconds = train_seconds / static_cast<double>(2 * seeds);

  std::vector<const Evaluation*> meru_seen, clip_seen, meru_unseen, clip_unseen;
  for (const auto& outcome : page.outcomes) {
    meru_seen.push_back(&outcome.meru_seen);
    clip_seen.push_back(&outcome.clip_seen);
    meru_unseen.push_back(&outcome.meru_unseen);
    clip_unseen.push_back(&outcome.clip_unseen);
  }
  results.tables.emplace_back("unseen_styles", comparison_table("Unseen styles of seen emoji", meru_seen, clip_seen));
  auto second = comparison_table("Unseen emoji, all five styles", meru_unseen, clip_unseen);
  second.note += " Neither model has seen these emoji or their names in any style: names near chance are expected.";
  results.tables.emplace_back("unseen_emoji", std::move(second));
  results.claims = claims(page.outcomes);
  results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  results.peak_memory_bytes = peak_memory_bytes();
  write_page(options.out / "report.html", results, page);
  report::write_results(options.out / "results.json", results);
  return results;
}

}  // namespace cambium::systems::meru::demo
