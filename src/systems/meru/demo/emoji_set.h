#pragma once
// The emoji world prepared for evaluation: pictures by style, and the tree of words above them.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/emoji/catalog.h"

namespace cambium::systems::meru::demo {

// Pictures of one style, seen or unseen emoji.
struct StyleSet {
  std::string style;  // "fluent-flat"
  at::Tensor pixels;  // u8 [N, 3, S, S]
  at::Tensor emoji;   // int64 [N], index in the catalogue
  int64_t size() const { return emoji.size(0); }
};

// The words of the tree, each once: names, subgroups, groups; and which word of each level an emoji has.
struct WordTree {
  std::vector<std::string> names, subgroups, groups;
  at::Tensor name_of, subgroup_of, group_of;  // int64 [emoji]
};
WordTree word_tree(const std::vector<data::emoji::Emoji>& catalog);

// Reads STYLE-seen.tar or STYLE-unseen.tar at S x S pixels. Pictures whose emoji the catalogue lacks are an Error.
StyleSet read_style(const std::filesystem::path& folder, const std::string& style, bool unseen,
                    const std::vector<data::emoji::Emoji>& catalog, int64_t image_size);

}  // namespace cambium::systems::meru::demo
