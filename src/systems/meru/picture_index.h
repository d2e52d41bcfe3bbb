#pragma once
// A folder of pictures made searchable by words and by pictures.
#include <filesystem>
#include <string>
#include <vector>

#include "index/index.h"
#include "systems/meru/embedder.h"

namespace cambium::systems::meru {

struct IndexUpdate {
  int64_t added = 0, unchanged = 0, skipped = 0;
};

// Creates the index, or opens it, for `weights`. An index made by another model is an Error.
index::Index open_picture_index(const std::filesystem::path& folder, const Embedder& embedder, const std::filesystem::path& weights);

// Embeds what is new or has changed, in blocks that are committed one by one: stopped at any moment, the next call goes on.
IndexUpdate update_picture_index(index::Index& index, const Embedder& embedder, const std::vector<std::filesystem::path>& files);

// The weights that made the index: where they were, or `given`. Error if the fingerprints differ.
Embedder open_index_model(const index::Index& index, const std::filesystem::path& given, const Compute& compute);

// SHA-256 over the model's names and samples of its tensors: equal for copies in other containers or precisions.
std::string model_fingerprint(cambium::clip::CLIP& model);

}  // namespace cambium::systems::meru
