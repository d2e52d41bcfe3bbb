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

// Creates the index, or opens it, for the model in `files`. An index made by another model is an Error.
index::Index open_picture_index(const std::filesystem::path& folder, const Embedder& embedder, const ModelFiles& files);

// Embeds what is new or has changed, in blocks that are committed one by one: stopped at any moment, the next call goes
// on.
IndexUpdate update_picture_index(index::Index& index, const Embedder& embedder,
                                 const std::vector<std::filesystem::path>& files);

// The model that made the index: its files where they were, or as `given`. Error if the fingerprints differ.
Embedder open_index_model(const index::Index& index, const ModelFiles& given, const Compute& compute);

}  // namespace cambium::systems::meru
