#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "systems/meru/picture_index.h"

namespace cambium::cli {
namespace {

namespace fs = std::filesystem;

struct SearchCommand : CommonOptions {
  std::string folder, query;
  systems::meru::ModelFiles model;
  int64_t top = 10, steps = 20;
  bool levels = false, words = false;
};

nlohmann::ordered_json show(const index::Index& index, const std::vector<index::Hit>& hits) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& hit : hits) {
    const std::string& path = index.item(hit.row).path;
    std::printf("  %8.4f  %s\n", hit.distance, path.c_str());
    json.push_back({{"file", path}, {"distance", hit.distance}, {"score", hit.score}});
  }
  return json;
}

void run(const SearchCommand& options) {
  using namespace systems::meru;
  const Compute compute = options.apply();
  const index::Index index = index::Index::open(options.folder);
  const Embedder embedder = open_index_model(index, options.model, compute);
  std::error_code code;
  const bool picture = !options.words && fs::is_regular_file(options.query, code);
  const at::Tensor query = picture
                               ? embedder.embed_pixels(embedder.preprocess(io::load_image(options.query)).unsqueeze(0))
                               : embedder.embed_texts({options.query});
  nlohmann::ordered_json json;
  if (options.levels) {
    // From the root to the query: the general first.
    const auto levels =
        index.levels(embedder.points_to_root(query[0], options.steps).flip(0).contiguous(), {.k = options.top});
    json = nlohmann::ordered_json::array();
    for (const auto& level : levels) {
      std::printf("step %lld of %lld from the root\n", static_cast<long long>(level.step + 1),
                  static_cast<long long>(options.steps));
      json.push_back({{"step", level.step}, {"hits", show(index, level.hits)}});
    }
  } else {
    json = show(index, index.search(query, {.k = options.top})[0]);
  }
  write_json(options, json.dump(2));
}

}  // namespace

void add_search(CLI::App& app) {
  auto options = std::make_shared<SearchCommand>();
  CLI::App* command = add_command(app, "search", "find pictures of an index by words or by a picture, exactly",
                                  "cambium search pictures.index \"a cat on a sofa\"");
  command->add_option("index", options->folder, "the index folder")->required();
  command->add_option("query", options->query, "words, or a picture file")->required();
  command->add_option("--top", options->top, "pictures shown")->check(CLI::Range(1, 10000))->capture_default_str();
  command->add_flag("--levels", options->levels,
                    "what lies on the way from the root to the query, from general to specific");
  command->add_option("--steps", options->steps, "points on the way, for --levels")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command->add_flag("--words", options->words, "the query is words even if a file of that name exists");
  add_model_files(*command, options->model, "where the index's model is now (default: where it was)", false);
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
