#pragma once
#include <filesystem>

namespace cambium::prepare {

// From the packages in `downloads` (see scripts/data): catalog.json, and for each drawing style the shards
// STYLE-seen.tar and STYLE-unseen.tar (the emoji held out of training) with <hexcode>.png (128 px, RGB on white) and
// <hexcode>.json (caption, keywords, subgroup, group). `out` appears whole.
void prepare_emoji(const std::filesystem::path& downloads, const std::filesystem::path& out);

}  // namespace cambium::prepare
