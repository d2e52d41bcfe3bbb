#include "systems/meru/picture_index.h"

#include <sys/stat.h>

#include <ATen/ops/index_select.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/sha256.h"
#include "nn/load.h"
#include "systems/meru/apply.h"

namespace cambium::systems::meru {
namespace fs = std::filesystem;
namespace {

constexpr size_t kCommitEvery = 512;  // pictures: little is embedded again after a kill

// Nothing where the file vanished meanwhile.
std::optional<index::Item> item_of(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return std::nullopt;
  return index::Item{.path = fs::absolute(file).lexically_normal().string(), .size = status.st_size,
                     .modified_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

}  // namespace

index::Index open_picture_index(const fs::path& folder, const Embedder& embedder, const fs::path& weights) {
  const std::string fingerprint = model_fingerprint(*embedder.model());
  if (index::Index::exists(folder)) {
    index::Index opened = index::Index::open_for_writing(folder);
    if (opened.manifest().model.fingerprint != fingerprint) {
      throw Error({.what = "was made with another model, " + opened.manifest().model.path, .file = folder.string(),
                   .mend = "use those weights, or build a new index"});
    }
    return opened;
  }
  return index::Index::create(folder, {.space = embedder.hyperbolic() ? index::Space::lorentz(embedder.curvature()) : index::Space::dot(),
                                       .dimensions = embedder.dim(),
                                       .model = {.name = embedder.hyperbolic() ? "MERU" : "CLIP",
                                                 .path = fs::absolute(weights).lexically_normal().string(),
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
    const std::vector<fs::path> block(wanted.begin() + static_cast<std::ptrdiff_t>(begin),
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

Embedder open_index_model(const index::Index& index, const fs::path& given, const Compute& compute) {
  const auto& reference = index.manifest().model;
  const fs::path weights = given.empty() ? fs::path(reference.path) : given;
  if (!fs::exists(weights)) {
    throw Error({.what = "the index's model is no longer there", .file = weights.string(), .mend = "say where it is with --weights"});
  }
  Embedder embedder = Embedder::open(weights, compute);
  if (model_fingerprint(*embedder.model()) != reference.fingerprint) {
    throw Error({.what = "is not the model that made the index", .file = weights.string(), .mend = "the index was made with " + reference.path});
  }
  return embedder;
}

std::string model_fingerprint(cambium::clip::CLIP& model) {
  constexpr int64_t kSamples = 64;
  auto tensors = nn::state_tensors(model);
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Sha256 sum;
  for (const auto& [name, tensor] : tensors) {
    sum.update(name);
    if (tensor.numel() == 0) continue;
    const int64_t count = std::min<int64_t>(kSamples, tensor.numel());
    std::vector<int64_t> places;
    for (int64_t i = 0; i < count; ++i) places.push_back(i * (tensor.numel() - 1) / std::max<int64_t>(1, count - 1));
    const at::Tensor samples = tensor.detach().flatten().index_select(0, at::tensor(places, at::kLong)).to(at::kBFloat16).contiguous().cpu();
    sum.update(samples.const_data_ptr(), samples.nbytes());
  }
  return sum.hex();
}

}  // namespace cambium::systems::meru
