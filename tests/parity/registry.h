#pragma once
// Which check judges which kind of golden file. A check reads the inputs of a golden file, runs the library, and
// returns what it computed; it never looks at a golden output. Adding a kind: write kinds/NAME.cpp, declare its check
// in kinds.h, add a line to the table in registry.cpp.
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

#include "parity/golden.h"

namespace cambium::parity {

struct Results {
  std::map<std::string, at::Tensor> tensors;  // of a .safetensors file, by item name
  Json json = Json::object();                 // the same tree as the .json file, or as a .safetensors file's config
};

using Check = Results (*)(const Golden&);

// Null if no check is known by that name.
Check find_check(std::string_view kind);

}  // namespace cambium::parity
