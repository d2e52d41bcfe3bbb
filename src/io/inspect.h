#pragma once
// What a weights file holds, for `cambium inspect`.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cambium::io {

struct TensorInfo {
  std::string name;
  std::string dtype;  // "F32"
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

struct WeightsInfo {
  std::string path;
  std::string container;  // "safetensors", "PyTorch zip", "PyTorch legacy", "TorchScript archive"
  std::vector<std::string> files = {};
  int64_t file_bytes = 0;  // of all files
  std::string key = {};    // of a .pth file: where the tensors stand in it ("model"); empty at the top
  std::vector<TensorInfo> tensors = {};
  int64_t elements = 0;
  std::map<std::string, std::string> metadata = {};
  // What a .pth file holds at its top beside or around the tensors: key and one line each, as describe()
  // of pickle_value.h gives it ("iteration", "120000").
  std::vector<std::pair<std::string, std::string>> top_level = {};
};

// Errors as load_weights says. A .pth file whose tensors lie under an unusual key is described by its top level alone.
WeightsInfo inspect_weights(const std::filesystem::path& path, std::string_view key = {});

// For people, one line a tensor; for machines.
std::string to_text(const WeightsInfo& info);
nlohmann::json to_json(const WeightsInfo& info);

}  // namespace cambium::io
