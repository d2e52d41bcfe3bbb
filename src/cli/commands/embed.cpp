#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "io/npy.h"
#include "io/picture_files.h"
#include "io/safetensors.h"
#include "systems/meru/apply.h"

namespace cambium::cli {
namespace {

struct EmbedOptions : CommonOptions {
  std::string out, shard, texts_file;
  systems::meru::ModelFiles model;
  std::vector<std::string> images;
  bool hyperboloid = false, poincare = false, squash = false;
};

// "2/8": the third of eight equal parts, counted from 0.
std::pair<size_t, size_t> parse_shard(const std::string& text) {
  if (text.empty()) return {0, 1};
  size_t index = 0, count = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%zu/%zu%c", &index, &count, &rest) != 2 || count == 0 || index >= count) {
    throw UsageError({.what = "\"" + text + "\" is not a part",
                      .field = "--shard",
                      .mend = "write I/N with I from 0 to N-1, as 0/4"});
  }
  return {index, count};
}

void run(const EmbedOptions& options) {
  using namespace systems::meru;
  namespace fs = std::filesystem;
  const std::string extension = fs::path(options.out).extension().string();
  if (extension != ".safetensors" && extension != ".npy") {
    throw UsageError(
        {.what = "unknown ending \"" + extension + "\"", .field = "-o", .mend = "use .safetensors or .npy"});
  }
  if (options.images.empty() == options.texts_file.empty()) {
    throw UsageError(
        {.what = "give either pictures or --texts-file", .field = "embed", .mend = "see cambium embed --help"});
  }
  const auto [index, count] = parse_shard(options.shard);
  const Compute compute = options.apply();

  std::vector<std::string> entries;
  at::Tensor embeddings;
  std::vector<std::string> skipped;
  const auto part = [&](auto all) {
    decltype(all) mine;
    for (size_t i = index; i < all.size(); i += count) mine.push_back(std::move(all[i]));
    return mine;
  };
  std::vector<fs::path> files;
  std::vector<std::string> texts;
  if (options.texts_file.empty()) {
    files = part(io::picture_files(options.images));
  } else {
    texts = part(read_lines(options.texts_file));
  }
  const Embedder embedder = Embedder::open(options.model, compute);
  if (options.texts_file.empty()) {
    auto pictures =
        embed_files(embedder, files, options.squash ? Preprocess::squash : Preprocess::center_crop, false, 2);
    entries = std::move(pictures.files);
    embeddings = pictures.embeddings;
    skipped = std::move(pictures.skipped);
  } else {
    embeddings = embedder.embed_texts(texts);
    entries = std::move(texts);
  }
  if (options.hyperboloid) embeddings = embedder.to_hyperboloid(embeddings);
  if (options.poincare) embeddings = embedder.to_poincare(embeddings);

  // The entries' names stand beside the rows: in the header, or in a text file next to a .npy.
  if (extension == ".safetensors") {
    io::write_safetensors(options.out, {{"embeddings", embeddings}},
                          {{"format", "cambium.embeddings"},
                           {"entries", nlohmann::json(entries).dump()},
                           {"curvature", std::to_string(embedder.curvature())},
                           {"weights", fs::path(options.model.weights).filename().string()}});
  } else {
    std::string list;
    for (const auto& entry : entries) list += entry + "\n";
    write_file(options.out + ".txt", list);
    io::write_npy(options.out, embeddings);
  }
  std::printf("%s: %zu x %lld\n", options.out.c_str(), entries.size(), static_cast<long long>(embeddings.size(1)));
  write_json(options,
             nlohmann::json({{"file", options.out}, {"entries", entries.size()}, {"skipped", skipped}}).dump(2));
}

}  // namespace

void add_embed(CLI::App& app) {
  auto options = std::make_shared<EmbedOptions>();
  CLI::App* command = add_command(app, "embed", "write the embeddings of pictures or texts (MERU, CLIP)",
                                  "cambium embed --weights clip.pt ~/Pictures -o pictures.safetensors");
  command->add_option("images", options->images, "pictures, or folders of them");
  command->add_option("--texts-file", options->texts_file, "embed the lines of this file instead");
  add_model_files(*command, options->model, "a MERU or CLIP file or folder (docs/weights.md lists them)", true);
  command->add_option("-o,--out", options->out, "output: .safetensors, or .npy with the names in FILE.npy.txt")
      ->required();
  command->add_option("--shard", options->shard, "I/N: only every N-th entry from the I-th on, for several machines");
  command->add_flag("--hyperboloid", options->hyperboloid, "MERU: full points [time, space]");
  command->add_flag("--poincare", options->poincare, "MERU: points of the unit Poincare ball, for plots")
      ->excludes("--hyperboloid");
  command->add_flag("--squash", options->squash, "squash pictures to the square instead of cropping its middle");
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
