#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/error.h"
#include "io/picture_files.h"
#include "systems/meru/picture_index.h"

namespace cambium::cli {
namespace {

namespace fs = std::filesystem;

struct IndexOptions : CommonOptions {
  std::string folder;
  systems::meru::ModelFiles model;
  std::vector<std::string> pictures;
};

void build(const IndexOptions& options) {
  using namespace systems::meru;
  const Compute compute = options.apply();
  const auto files = io::picture_files(options.pictures);
  const bool exists = index::Index::exists(options.folder);
  if (!exists && options.model.weights.empty()) {
    throw UsageError({.what = "a new index needs a model",
                      .field = "--weights",
                      .mend = "give a MERU or CLIP file; docs/weights.md lists them"});
  }
  const Embedder embedder = exists && options.model.weights.empty()
                                ? open_index_model(index::Index::open(options.folder), options.model, compute)
                                : Embedder::open(options.model, compute);
  index::Index index = open_picture_index(options.folder, embedder, options.model);
  const IndexUpdate update = update_picture_index(index, embedder, files);
  std::printf("%s: %lld added, %lld unchanged, %lld skipped; %lld pictures in all\n", options.folder.c_str(),
              static_cast<long long>(update.added), static_cast<long long>(update.unchanged),
              static_cast<long long>(update.skipped), static_cast<long long>(index.size()));
  write_json(options, nlohmann::json({{"added", update.added},
                                      {"unchanged", update.unchanged},
                                      {"skipped", update.skipped},
                                      {"size", index.size()}})
                          .dump(2));
}

// Paths as given, and everything below those that are folders of the index.
void remove(const IndexOptions& options) {
  index::Index index = index::Index::open_for_writing(options.folder);
  std::vector<std::string> all;
  for (const int64_t row : index.rows()) all.push_back(index.item(row).path);
  int64_t removed = 0;
  for (const auto& path : options.pictures) {
    const std::string wanted = fs::absolute(path).lexically_normal().string();
    const std::string below = wanted.back() == '/' ? wanted : wanted + "/";
    int64_t found = 0;
    for (const auto& entry : all) {
      if (entry == wanted || entry.rfind(below, 0) == 0) found += index.remove(entry);
    }
    if (found == 0)
      throw Error({.what = "is not in the index",
                   .file = path,
                   .mend = "nothing was removed; cambium index info lists the folder"});
    removed += found;
  }
  index.commit();
  if (index.info().removed > index.size() / 4) index.compact();  // the files are rewritten only when it is worth it
  std::printf("%s: %lld removed; %lld pictures in all\n", options.folder.c_str(), static_cast<long long>(removed),
              static_cast<long long>(index.size()));
}

}  // namespace

void add_index(CLI::App& app) {
  CLI::App* command = add_command(app, "index", "make a folder of pictures searchable (MERU, CLIP)",
                                  "cambium index build pictures.index ~/Pictures --weights clip.pt");
  command->require_subcommand(1);
  auto options = std::make_shared<IndexOptions>();
  for (const char* name : {"build", "add"}) {
    CLI::App* sub = command->add_subcommand(
        name, name == std::string("build") ? "embed pictures into a new or existing index; goes on where it was stopped"
                                           : "the same for an index that exists");
    sub->add_option("index", options->folder, "the index folder")->required();
    sub->add_option("pictures", options->pictures, "pictures, or folders of them")->required();
    add_model_files(*sub, options->model, "a MERU or CLIP file or folder (default: the index's own)", false);
    add_common(*sub, *options);
    sub->callback([options, name] {
      if (name == std::string("add") && !index::Index::exists(options->folder)) {
        throw Error({.what = "is no index", .file = options->folder, .mend = "make one with cambium index build"});
      }
      build(*options);
    });
  }
  CLI::App* remove_command = command->add_subcommand("remove", "take pictures, or whole folders, out of an index");
  remove_command->add_option("index", options->folder, "the index folder")->required();
  remove_command->add_option("pictures", options->pictures, "paths as they were added")->required();
  remove_command->callback([options] { remove(*options); });
  CLI::App* info = command->add_subcommand("info", "what an index holds");
  info->add_option("index", options->folder, "the index folder")->required();
  info->add_option("--json", options->json, "write as JSON to this file (- for standard output)");
  info->callback([options] {
    const auto described = index::Index::open(options->folder).info();
    if (options->json != "-") std::cout << index::to_text(described);
    write_json(*options, index::to_json(described).dump(2));
  });
}

}  // namespace cambium::cli
