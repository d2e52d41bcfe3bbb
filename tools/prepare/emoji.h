#pragma once
#include <filesystem>
#include <vector>

#include "data/emoji/catalog.h"

namespace cambium::prepare {

// Names and places in the tree of all base emoji, from emojibase's package in `downloads`.
std::vector<data::emoji::Emoji> read_emojibase(const std::filesystem::path& downloads);

// From the packages in `downloads` (see scripts/data): catalog.json, and for each drawing style the shards
// STYLE-seen.tar and STYLE-unseen.tar (the emoji held out of training) with <hexcode>.png (128 px, RGB on white) and
// <hexcode>.json (caption, keywords, subgroup, group). `out` appears whole.
void prepare_emoji(const std::filesystem::path& downloads, const std::filesystem::path& out);

}  // namespace cambium::prepare
