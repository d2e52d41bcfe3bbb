#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "io/picture_files.h"
#include "systems/meru/apply.h"

namespace cambium::cli {
namespace {

struct ClassifyOptions : CommonOptions {
  std::string words_file, prompts_file;
  systems::meru::ModelFiles model;
  std::vector<std::string> images, words, prompts;
  int64_t top = 5;
  bool squash = false;
};

void run(const ClassifyOptions& options) {
  using namespace systems::meru;
  const Compute compute = options.apply();
  std::vector<std::string> words = options.words, prompts = options.prompts;
  if (!options.words_file.empty()) {
    for (auto& line : read_lines(options.words_file)) words.push_back(std::move(line));
  }
  if (words.empty())
    throw UsageError(
        {.what = "no class names", .field = "--words", .mend = "give --words cat,dog or --words-file FILE"});
  if (!options.prompts_file.empty()) prompts = read_lines(options.prompts_file);
  if (prompts.empty()) prompts = {"a photo of a {}."};
  const auto files = io::picture_files(options.images);
  const Embedder embedder = Embedder::open(options.model, compute);
  const auto pictures =
      embed_files(embedder, files, options.squash ? Preprocess::squash : Preprocess::center_crop, files.size() == 1, 2);
  const auto results =
      classify(embedder, pictures.embeddings, words, embedder.embed_classes(words, prompts), options.top);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    nlohmann::ordered_json entry = {{"file", pictures.files[i]}, {"classes", nlohmann::ordered_json::array()}};
    std::printf("%s\n", pictures.files[i].c_str());
    for (const auto& result : results[i]) {
      std::printf("  %5.1f %%  %s\n", 100 * result.probability, result.name.c_str());
      entry["classes"].push_back({{"name", result.name}, {"score", result.score}, {"probability", result.probability}});
    }
    json.push_back(std::move(entry));
  }
  write_json(options, json.dump(2));
}

}  // namespace

void add_classify(CLI::App& app) {
  auto options = std::make_shared<ClassifyOptions>();
  CLI::App* command = add_command(app, "classify", "name pictures by words of your own, without training (MERU, CLIP)",
                                  "cambium classify --weights clip.pt --words cat,dog,car photo.jpg");
  command->add_option("images", options->images, "pictures, or folders of them")->required();
  add_model_files(*command, options->model, "a MERU or CLIP file or folder (docs/weights.md lists them)", true);
  command->add_option("--words", options->words, "class names, separated by commas")
      ->delimiter(',')
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--words-file", options->words_file, "file with a class name a line");
  command
      ->add_option("--prompt", options->prompts,
                   "a template with {} for the name; several are averaged (default \"a photo of a {}.\")")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--prompts-file", options->prompts_file, "file with a template a line");
  command->add_option("--top", options->top, "classes shown a picture")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--squash", options->squash, "squash pictures to the square instead of cropping its middle");
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
