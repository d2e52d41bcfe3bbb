#include <ATen/core/Tensor.h>

#include <numeric>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/dtype.h"
#include "io/safetensors.h"

namespace cambium::io {
namespace {

constexpr size_t kAlignment = 64;

using Offsets = std::vector<std::pair<uint64_t, uint64_t>>;

// Built as text: a JSON object would sort the names, or search them one by one.
std::string header_text(const NamedTensors& tensors, const Offsets& offsets,
                        const std::map<std::string, std::string>& metadata, std::optional<c10::ScalarType> floating) {
  std::string header = "{";
  if (!metadata.empty()) header += "\"__metadata__\":" + nlohmann::json(metadata).dump();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    const nlohmann::ordered_json entry = {{"dtype", dtype_name(stored_dtype(tensor.scalar_type(), floating))},
                                          {"shape", tensor.sizes().vec()},
                                          {"data_offsets", {offsets[i].first, offsets[i].second}}};
    header += (header.size() > 1 ? "," : "") + nlohmann::json(name).dump() + ":" + entry.dump();
  }
  header += "}";
  header.append((kAlignment - (sizeof(uint64_t) + header.size()) % kAlignment) % kAlignment, ' ');
  return header;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata, std::optional<c10::ScalarType> floating) {
  const auto fail = [&](const std::string& name, const std::string& what, const std::string& mend) {
    throw Error({.what = what, .file = path.string(), .field = name, .mend = mend});
  };
  std::unordered_set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    if (!names.insert(name).second || name == "__metadata__")
      fail(name, "cannot be written twice under one name", "rename one");
    if (!tensor.defined() || tensor.layout() != c10::kStrided ||
        dtype_name(stored_dtype(tensor.scalar_type(), floating)).empty()) {
      fail(name, "has a type that safetensors cannot hold", "convert it to one of " + supported_dtypes());
    }
  }

  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  const auto itemsize = [&](size_t i) {
    return c10::elementSize(stored_dtype(tensors[i].second.scalar_type(), floating));
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return itemsize(a) > itemsize(b); });

  Offsets offsets(tensors.size());
  uint64_t at = 0;
  for (const size_t i : order) {
    const uint64_t end = at + static_cast<uint64_t>(tensors[i].second.numel()) * itemsize(i);
    offsets[i] = {at, end};
    at = end;
  }

  std::string header;
  try {
    header = header_text(tensors, offsets, metadata, floating);
  } catch (const nlohmann::json::exception&) {
    fail("__metadata__", "or a tensor's name is not UTF-8", "rename it");
  }

  AtomicFile file(path);
  const uint64_t length = header.size();
  file.write(&length, sizeof length);
  file.write(header);
  for (const size_t i : order) {
    const at::Tensor data = storable(tensors[i].second, floating);
    file.write(data.const_data_ptr(), data.nbytes());
  }
  file.commit();
}

void write_safetensors(const std::filesystem::path& path, const StateDict& state,
                       std::optional<c10::ScalarType> floating) {
  if (state.extras.empty()) return write_safetensors(path, state.tensors, state.metadata, floating);
  NamedTensors all = state.tensors;
  all.insert(all.end(), state.extras.begin(), state.extras.end());
  nlohmann::json names = nlohmann::json::array();
  for (const auto& [name, tensor] : state.extras) names.push_back(name);
  auto metadata = state.metadata;
  metadata[kExtrasKey] = names.dump();
  write_safetensors(path, all, metadata, floating);
}

}  // namespace cambium::io
