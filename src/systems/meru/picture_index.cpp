#include "systems/meru/picture_index.h"

#include <sys/stat.h>

#include <ATen/ops/index_select.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "nn/load.h"
#include "peft/fingerprint.h"
#include "systems/meru/apply.h"

namespace cambium::systems::meru {
namespace fs = std::filesystem;
namespace {

constexpr size_t kCommitEvery = 512;  // pictures: little is embedded again after a kill

// Nothing where the file vanished meanwhile.
std::optional<index::Item> item_of(const fs::path& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0) return std::nullopt;
  return index::Item{.path = fs::absolute(file).lexically_normal().string(),
                     .size = status.st_size,
                     .modified_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// Equal for copies of the model in other containers or precisions.
std::string fingerprint_of(const Embedder& embedder) { return peft::fingerprint(nn::state_tensors(*embedder.model())); }

// As the index remembers it; "" stays "".
std::string absolute(const std::string& file) {
  return file.empty() ? file : fs::absolute(file).lexically_normal().string();
}

}  // namespace

index::Index open_picture_index(const fs::path& folder, const Embedder& embedder, const ModelFiles& files) {
  const std::string fingerprint = fingerprint_of(embedder);
  if (index::Index::exists(folder)) {
    index::Index opened = index::Index::open_for_writing(folder);
    if (opened.manifest().model.fingerprint != fingerprint) {
      throw Error({.what = "was made with another model, " + opened.manifest().model.path +
                           (opened.manifest().model.delta.empty() ? "" : " with " + opened.manifest().model.delta),
                   .file = folder.string(),
                   .mend = "use those weights, or build a new index"});
    }
    return opened;
  }
  return index::Index::create(
      folder, {.space = embedder.hyperbolic() ? index::Space::lorentz(embedder.curvature()) : index::Space::dot(),
               .dimensions = embedder.dim(),
               .model = {.name = embedder.hyperbolic() ? "MERU" : "CLIP",
                         .path = absolute(files.weights),
                         .delta = absolute(files.delta),
                         .fingerprint = fingerprint,
                         .picture_size = embedder.image_size()}});
}

IndexUpdate update_picture_index(index::Index& index, const Embedder& embedder, const std::vector<fs::path>& files) {
  IndexUpdate update;
  std::vector<fs::path> wanted;
  for (const auto& file : files) {
    const auto item = item_of(file);
    if (!item) continue;
    if (index.is_current(*item)) {
      ++update.unchanged;
    } else {
      wanted.push_back(file);
    }
  }
  Progress progress("index", static_cast<int64_t>(wanted.size()), "pictures");
  for (size_t begin = 0; begin < wanted.size(); begin += kCommitEvery) {
    interrupt::check();
    const std::vector<fs::path> block(
        wanted.begin() + static_cast<std::ptrdiff_t>(begin),
        wanted.begin() + static_cast<std::ptrdiff_t>(std::min(wanted.size(), begin + kCommitEvery)));
    const auto embedded = embed_files(embedder, block, Preprocess::center_crop, false, 2,
                                      [&](int64_t done) { progress.update(static_cast<int64_t>(begin) + done); });
    std::vector<index::Item> items;
    std::vector<int64_t> rows;
    for (size_t i = 0; i < embedded.files.size(); ++i) {
      if (auto item = item_of(embedded.files[i])) {
        items.push_back(std::move(*item));
        rows.push_back(static_cast<int64_t>(i));
      }
    }
    if (!items.empty()) index.add(items, embedded.embeddings.index_select(0, at::tensor(rows, at::kLong)));
    index.commit();
    update.added += static_cast<int64_t>(items.size());
    update.skipped += static_cast<int64_t>(embedded.skipped.size());
  }
  progress.finish();
  return update;
}

Embedder open_index_model(const index::Index& index, const ModelFiles& given, const Compute& compute) {
  const auto& reference = index.manifest().model;
  ModelFiles files = given;
  if (files.weights.empty()) files.weights = reference.path;
  if (files.delta.empty() && !reference.delta.empty()) files.delta = reference.delta;
  for (const auto& [file, option] : {std::pair{files.weights, "--weights"}, std::pair{files.delta, "--delta"}}) {
    if (file.empty() || fs::exists(file)) continue;
    throw Error({.what = "the index's model is no longer there",
                 .file = file,
                 .mend = std::string("say where it is with ") + option});
  }
  Embedder embedder = Embedder::open(files, compute);
  if (fingerprint_of(embedder) != reference.fingerprint) {
    throw Error({.what = "is not the model that made the index",
                 .file = files.delta.empty() ? files.weights : files.delta,
                 .mend = "the index was made with " + reference.path +
                         (reference.delta.empty() ? "" : " and " + reference.delta)});
  }
  return embedder;
}

}  // namespace cambium::systems::meru
