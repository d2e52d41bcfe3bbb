#pragma once
// Moves weights from one container to another, for `cambium convert`.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/ScalarType.h>

#include "io/state_dict.h"

namespace cambium::io {

struct ConvertOptions {
  std::optional<c10::ScalarType> floating = {};  // convert floating tensors to this type
  std::string key = {};                          // which value of a .pth file, as load_weights says
  // Gives the tensors the names of another layout; models/ knows the tables.
  std::function<StateDict(StateDict)> rename = {};
};

struct ConvertResult {
  int64_t tensors = 0;
  int64_t bytes = 0;                      // of the file written
  std::vector<std::string> dropped = {};  // top-level keys of a .pth file that are not tensors: "optimizer"
};

// Writes `out` whole or not at all, as its ending says: .safetensors, or .pth, .pt, .ckpt, .bin. One tensor at a time
// is held in memory. `in` and `out` may be the same file. Errors as load_weights and the writers say; UsageError for an
// ending that is neither.
ConvertResult convert_weights(const std::filesystem::path& in, const std::filesystem::path& out,
                              const ConvertOptions& options = {});

}  // namespace cambium::io
