#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "io/picture_files.h"
#include "systems/meru/apply.h"

namespace cambium::cli {
namespace {

struct TraverseOptions : CommonOptions {
  std::string words_file;
  systems::meru::ModelFiles model;
  std::vector<std::string> images, words;
  int64_t steps = 50;
};

void run(const TraverseOptions& options) {
  using namespace systems::meru;
  const Compute compute = options.apply();
  std::vector<std::string> words = options.words;
  if (!options.words_file.empty()) {
    for (auto& line : read_lines(options.words_file)) words.push_back(std::move(line));
  }
  if (words.empty())
    throw UsageError(
        {.what = "no words to pass by", .field = "--words-file", .mend = "give a file with a word or sentence a line"});
  const auto files = io::picture_files(options.images);
  const Embedder embedder = Embedder::open(options.model, compute);
  const auto pictures = embed_files(embedder, files, Preprocess::center_crop, files.size() == 1, 2);
  const at::Tensor pool = embedder.embed_texts(words);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < pictures.files.size(); ++i) {
    std::vector<std::string> path;
    for (const int64_t id : embedder.traverse(pictures.embeddings[static_cast<int64_t>(i)], pool, options.steps)) {
      path.push_back(id < static_cast<int64_t>(words.size()) ? words[id] : "[root]");
    }
    std::printf("%s\n", pictures.files[i].c_str());
    for (const auto& word : path) std::printf("  %s\n", word.c_str());
    json.push_back({{"file", pictures.files[i]}, {"path", path}});
  }
  write_json(options, json.dump(2));
}

}  // namespace

void add_traverse(CLI::App& app) {
  auto options = std::make_shared<TraverseOptions>();
  CLI::App* command =
      add_command(app, "traverse", "walk from a picture to the root and name what lies on the way (MERU, CLIP)",
                  "cambium traverse --weights meru_vit_l.pth --words-file words.txt photo.jpg");
  command->add_option("images", options->images, "pictures, or folders of them")->required();
  add_model_files(*command, options->model, "a MERU or CLIP file (docs/weights.md lists them)", true);
  command->add_option("--words", options->words, "words, separated by commas")
      ->delimiter(',')
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--words-file", options->words_file, "file with a word or sentence a line");
  command->add_option("--steps", options->steps, "points on the way")
      ->check(CLI::Range(2, 10000))
      ->capture_default_str();
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
