#pragma once
// Private to data/masks: where a layout's folders are.
#include <functional>
#include <string>
#include <vector>

#include "data/masks/layouts.h"

namespace cambium::data {

struct LayoutSet {
  std::string name;  // "CAMO"
  MaskFolders folders;
  std::function<bool(const std::string&)> keep = {};  // of the split, by stem; none: all
};

// At least one. Error that names the folders looked for.
std::vector<LayoutSet> find_layout_sets(const MaskSetOptions& options);

}  // namespace cambium::data
