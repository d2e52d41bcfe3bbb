#include "io/weights_file.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/pth.h"
#include "io/safetensors.h"
#include "io/text.h"

namespace cambium::io {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHead = 512;
constexpr const char* kIndexEnd = ".index.json";
constexpr const char* kResume = "resume or repeat the download";
constexpr const char* kFormats =
    "give a .safetensors file or a PyTorch .pth, .pt, .ckpt or .bin file (docs/weights.md lists files that load)";

// In order of preference.
constexpr std::array<std::string_view, 6> kUsualNames = {
    "model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors",
    "pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin"};
constexpr std::array<std::string_view, 5> kWeightsEnds = {".safetensors", ".ckpt", ".pth", ".pt", ".bin"};
constexpr std::array<std::string_view, 4> kUnfinishedEnds = {".incomplete", ".part", ".crdownload", ".aria2"};

template <size_t N>
bool ends_with_one_of(const std::string& name, const std::array<std::string_view, N>& ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

[[noreturn]] void fail(const fs::path& path, std::string what, std::string mend) {
  throw Error({.what = std::move(what), .file = path.string(), .mend = std::move(mend)});
}

// Something is at the path, and if it is a link, behind it.
void require(const fs::path& path) {
  std::error_code code;
  if (fs::exists(path, code)) return;
  if (fs::is_symlink(fs::symlink_status(path, code)))
    fail(path, "is a link to a file that is not there: its download was not finished", kResume);
  fail(path, "does not exist", "check the path; docs/weights.md lists files that load and where to get them");
}

struct Foreign {
  std::string_view magic;
  const char* what;
};
constexpr std::array<Foreign, 7> kForeign = {{{"GGUF", "is a GGUF file"},
                                              {"\x89HDF", "is an HDF5 file (Keras)"},
                                              {"\x93NUMPY", "is a NumPy array"},
                                              {"\x1f\x8b", "is compressed with gzip"},
                                              {"Rar!", "is a RAR archive"},
                                              {"\x80", "is a Python pickle, but not one that torch.save wrote"},
                                              {"{", "is a JSON file, not weights"}}};

// The one file of the folder whose name satisfies `wanted`; empty where there is none.
template <class Predicate>
fs::path only_file(const fs::path& folder, Predicate wanted) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (wanted(entry.path().filename().string())) names.push_back(entry.path().filename().string());
  }
  if (names.empty()) return {};
  std::sort(names.begin(), names.end());
  if (names.size() > 1) {
    std::string list = names[0];
    for (size_t i = 1; i < std::min<size_t>(names.size(), 5); ++i) list += ", " + names[i];
    fail(folder,
         "holds " + std::to_string(names.size()) + " weights files: " + list + (names.size() > 5 ? ", ..." : ""),
         "name one of them");
  }
  return folder / names[0];
}

fs::path main_file(const fs::path& folder) {
  std::error_code code;
  for (const std::string_view name : kUsualNames) {
    const fs::path file = folder / name;
    if (fs::exists(fs::symlink_status(file, code))) return file;
  }
  const fs::path index = only_file(folder, [](const std::string& name) { return name.ends_with(kIndexEnd); });
  if (!index.empty()) return index;
  const fs::path single =
      only_file(folder, [](const std::string& name) { return ends_with_one_of(name, kWeightsEnds); });
  if (!single.empty()) return single;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (ends_with_one_of(name, kUnfinishedEnds)) fail(folder, "is only half downloaded: it holds " + name, kResume);
  }
  // Hugging Face's client keeps unfinished files here while config.json and the like are already in place.
  if (fs::exists(folder / ".cache/huggingface/download", code)) {
    for (const auto& entry : fs::directory_iterator(folder / ".cache/huggingface/download")) {
      if (entry.path().string().ends_with(".incomplete"))
        fail(folder, "is only half downloaded: the weights are not there yet", kResume);
    }
  }
  fail(folder, "holds no weights file", "give a folder with model.safetensors or pytorch_model.bin, or a file");
}

struct Index {
  std::vector<fs::path> shards;                                   // sorted by name
  std::vector<std::pair<std::string, std::string>> tensors = {};  // name, shard
};

Index read_index(const fs::path& file) {
  const auto json = nlohmann::json::parse(read_file(file, size_t{1} << 28), nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    fail(file, "is not an index of shards: it lacks weight_map", "download it again");
  }
  Index index;
  std::set<std::string> names;
  for (const auto& [tensor, shard] : json["weight_map"].items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos || name == "..") {
      throw Error({.what = "does not name a file beside the index",
                   .file = file.string(),
                   .field = "weight_map." + tensor,
                   .mend = "download it again"});
    }
    index.tensors.emplace_back(tensor, name);
    names.insert(name);
  }
  if (names.empty()) fail(file, "lists no tensors", "download it again");
  std::error_code code;
  for (const std::string& name : names) {
    const fs::path shard = file.parent_path() / name;
    if (!fs::exists(shard, code)) {
      fail(file.parent_path(),
           "is only half downloaded: it lacks " + name + ", which " + file.filename().string() + " names", kResume);
    }
    index.shards.push_back(shard);
  }
  return index;
}

bool is_index(const fs::path& file) { return file.string().ends_with(kIndexEnd); }

// The file to open at a path: itself, or what a folder holds.
fs::path entry_file(const fs::path& path) {
  require(path);
  std::error_code code;
  if (!fs::is_directory(path, code)) return path;
  const fs::path file = main_file(follow_snapshot(path));
  require(file);
  return file;
}

StateDict load_file(const fs::path& file, std::string_view key) {
  return sniff_weights(file) == WeightsContainer::safetensors ? read_safetensors(file) : read_pth(file, key);
}

StateDict load_shards(const fs::path& index_file) {
  const Index index = read_index(index_file);
  StateDict state;
  std::unordered_map<std::string, std::string> place;
  for (const fs::path& shard : index.shards) {
    StateDict part = load_file(shard, {});
    for (auto& [name, tensor] : part.tensors) {
      const auto [known, fresh] = place.try_emplace(name, shard.filename().string());
      if (!fresh)
        throw Error({.what = "is also in " + known->second,
                     .file = shard.string(),
                     .field = name,
                     .mend = "download the shards again"});
      state.tensors.emplace_back(name, tensor);
    }
    state.metadata.merge(part.metadata);
  }
  for (const auto& [name, shard] : index.tensors) {
    const auto found = place.find(name);
    if (found == place.end() || found->second != shard) {
      throw Error({.what = "lacks this tensor, which " + index_file.filename().string() + " places there",
                   .file = (index_file.parent_path() / shard).string(),
                   .field = name,
                   .mend = "download the shards again"});
    }
  }
  return state;
}

}  // namespace

fs::path follow_snapshot(const fs::path& path) {
  require(path);
  std::error_code code;
  if (!fs::is_directory(path / "snapshots", code)) return path;
  if (fs::exists(path / "refs/main", code)) {
    std::string revision = read_file(path / "refs/main", 1000);
    while (!revision.empty() && std::isspace(static_cast<unsigned char>(revision.back()))) revision.pop_back();
    if (!revision.empty() && revision.find('/') == std::string::npos &&
        fs::is_directory(path / "snapshots" / revision, code)) {
      return path / "snapshots" / revision;
    }
  }
  std::vector<fs::path> revisions;
  for (const auto& entry : fs::directory_iterator(path / "snapshots")) revisions.push_back(entry.path());
  if (revisions.size() != 1)
    fail(path, "holds " + std::to_string(revisions.size()) + " snapshots", "give one of the folders under snapshots/");
  return revisions[0];
}

WeightsContainer sniff_weights(const fs::path& file) {
  require(file);
  std::error_code code;
  if (fs::is_directory(file, code)) fail(file, "is a folder, not a file", "give a file");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(file, "cannot be opened", "check that it may be read");
  std::string head(kHead, '\0');
  stream.read(head.data(), kHead);
  head.resize(static_cast<size_t>(stream.gcount()));

  if (head.empty()) fail(file, "is empty", kResume);
  if (looks_like_pth(head)) return WeightsContainer::pth;
  if (looks_like_safetensors(head)) return WeightsContainer::safetensors;
  if (head.starts_with("version https://git-lfs.github.com/spec/")) {
    fail(file, "is a git-LFS pointer, not the weights themselves",
         "run git lfs pull in its folder, or download the file itself");
  }
  const std::string text = lower(head.substr(std::min(head.find_first_not_of(" \t\r\n\xef\xbb\xbf"), head.size())));
  if (text.starts_with("<!doctype html") || text.starts_with("<html")) {
    fail(file, "is a web page, not weights: the download failed",
         "download it again, from the address of the file itself");
  }
  for (const Foreign& foreign : kForeign) {
    if (head.starts_with(foreign.magic)) fail(file, foreign.what, kFormats);
  }
  if (head.size() > 262 && head.substr(257, 5) == "ustar") fail(file, "is a tar archive", "unpack it first");
  fail(file, "is not a weights file of a known kind", kFormats);
}

std::vector<fs::path> find_weights(const fs::path& path) {
  const fs::path file = entry_file(path);
  return is_index(file) ? read_index(file).shards : std::vector<fs::path>{file};
}

StateDict load_weights(const fs::path& path, std::string_view key) {
  const fs::path file = entry_file(path);
  StateDict state = is_index(file) ? load_shards(file) : load_file(file, key);
  state.source = path.string();
  return state;
}

}  // namespace cambium::io
