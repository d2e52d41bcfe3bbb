#include "io/inspect.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "core/progress.h"
#include "io/dtype.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "io/weights_file.h"

namespace cambium::io {
namespace {

void add_tensors(WeightsInfo& info, const StateDict& state) {
  info.elements = count_elements(state.tensors);
  for (const auto& [name, tensor] : state.tensors) {
    info.tensors.push_back({name, std::string(dtype_name(tensor.scalar_type())), tensor.sizes().vec(),
                            static_cast<int64_t>(tensor.nbytes())});
  }
  info.metadata = state.metadata;
  info.key = state.key;
}

// Names and text of the file may hold anything; JSON and terminals want UTF-8 without control characters.
std::string printable(const std::string& text) {
  const std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

size_t widest(const WeightsInfo& info) {
  size_t width = 0;
  for (const TensorInfo& tensor : info.tensors) width = std::max(width, printable(tensor.name).size());
  return std::min<size_t>(width, 64);
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// "F32 306, BOOL 1", most elements first.
std::string dtype_summary(const WeightsInfo& info) {
  std::map<std::string, int64_t> counts;
  for (const TensorInfo& tensor : info.tensors) ++counts[tensor.dtype];
  std::vector<std::pair<std::string, int64_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [dtype, count] : order) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + dtype;
  return text;
}

}  // namespace

WeightsInfo inspect_weights(const std::filesystem::path& path, std::string_view key) {
  WeightsInfo info{.path = path.string(), .container = {}};
  const auto files = find_weights(path);
  for (const auto& file : files) {
    info.files.push_back(file.string());
    info.file_bytes += static_cast<int64_t>(std::filesystem::file_size(file));
  }
  if (sniff_weights(files[0]) == WeightsContainer::safetensors) {
    info.container = "safetensors";
    StateDict state = load_weights(path);
    add_tensors(info, state);
    for (const auto& [name, tensor] : state.extras) {
      info.top_level.emplace_back(
          name, "tensor " + std::string(dtype_name(tensor.scalar_type())) + " " + shape_text(tensor.sizes()));
    }
    return info;
  }
  if (files.size() > 1) {
    info.container = "PyTorch";
    add_tensors(info, load_weights(path));
    return info;
  }
  const PthFile file = PthFile::open(files[0]);
  info.container = container_name(file.container());
  const auto state = file.find_state_dict(key);
  if (state) add_tensors(info, *state);
  if (!file.root().is(PickleValue::Kind::dict)) return info;
  for (const auto& [name, value] : file.root().entries) {
    // In a flat file the tensors themselves are at the top.
    const bool listed = state && state->key.empty() && value->is(PickleValue::Kind::tensor);
    if (!listed)
      info.top_level.emplace_back(name->is(PickleValue::Kind::string) ? name->text : describe(*name), describe(*value));
  }
  return info;
}

std::string to_text(const WeightsInfo& info) {
  std::string text = info.path + ": " + info.container;
  if (info.files.size() > 1) text += ", " + std::to_string(info.files.size()) + " shards";
  text += ", " + format_bytes(info.file_bytes) + "\n";
  text += format_count(static_cast<int64_t>(info.tensors.size())) + " tensors, " + format_count(info.elements) +
          " elements";
  if (!info.tensors.empty()) text += ": " + dtype_summary(info);
  if (!info.key.empty()) text += ", under " + printable(info.key);
  text += "\n";
  const size_t width = widest(info);
  for (const TensorInfo& tensor : info.tensors) {
    text += "  " + padded(printable(tensor.name), width) + "  " + padded(tensor.dtype, 4) + "  " +
            shape_text(tensor.shape) + "\n";
  }
  const auto list = [&](const char* title, const auto& pairs) {
    if (pairs.empty()) return;
    text += std::string(title) + "\n";
    for (const auto& [name, value] : pairs) text += "  " + printable(name) + ": " + value + "\n";
  };
  list("at the top of the file", info.top_level);
  std::map<std::string, std::string> metadata = info.metadata;
  for (auto& [name, value] : metadata) value = printable(value);
  list("metadata", metadata);
  return text;
}

nlohmann::json to_json(const WeightsInfo& info) {
  nlohmann::json tensors = nlohmann::json::array();
  for (const TensorInfo& tensor : info.tensors) {
    tensors.push_back(
        {{"name", printable(tensor.name)}, {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"bytes", tensor.bytes}});
  }
  nlohmann::json top = nlohmann::json::object();
  for (const auto& [name, value] : info.top_level) top[printable(name)] = value;
  return {{"path", info.path}, {"container", info.container}, {"files", info.files}, {"file_bytes", info.file_bytes},
          {"key", info.key},   {"elements", info.elements},   {"tensors", tensors},  {"metadata", info.metadata},
          {"top_level", top}};
}

}  // namespace cambium::io
