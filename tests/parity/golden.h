#pragma once
// A golden file: inputs, outputs and the tolerance of every output, as all systems share the format
// (tests/golden/README.md).
// `.safetensors`: the metadata entry `config` is a JSON object and the tensors are items; `.json`: the top-level object
// plays config's part and its leaves are items.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/state_dict.h"

namespace cambium::parity {

using Json = nlohmann::ordered_json;  // `tol` is matched in file order

// How one item is judged: |a-b| <= abs + rel|b| + of_max max|b| + of_row (max of |b| over the last dimension).
struct Tolerance {
  double abs = 0, rel = 0, of_max = 0, of_row = 0;
  bool exact = false;
  std::optional<std::string> skip = std::nullopt;           // the reason
  std::optional<std::vector<int64_t>> rows = std::nullopt;  // of dimension 0; absent = all
};

// Keys and list indices, outermost first. Joined by dots it names a leaf; keys may hold dots themselves.
using Path = std::vector<std::string>;
std::string join(const Path& path);

// A string, boolean, null, number, or a list that holds nothing but numbers (nested lists too).
bool is_leaf(const Json& value);
// Every leaf below `value`, in order, with its path.
std::vector<std::pair<Path, const Json*>> leaves(const Json& value);
// The value at `path`, or null if there is none.
const Json* find(const Json& root, const Path& path);

// `*` matches any run of characters, dots too; nothing else is special. The whole name must match, and names and globs
// that start with "config." keep to themselves.
bool glob_matches(std::string_view glob, std::string_view name);

struct Golden {
  std::filesystem::path path;
  std::string kind;
  bool is_json = false;   // items are the leaves of `config`, not tensors
  Json config;            // the whole object, kind, inputs, tol and notes included
  io::StateDict tensors;  // empty if is_json
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string, Tolerance>> tol;

  bool is_input(std::string_view name) const;
  const Tolerance* tolerance(std::string_view name) const;  // first match, or null
};

// Error if the file cannot be read, or `kind`, `inputs` or `tol` are not as described above.
Golden read_golden(const std::filesystem::path& path);

}  // namespace cambium::parity
