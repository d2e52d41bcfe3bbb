#include "index/index.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"

namespace cambium::index {
namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little, "index files are little-endian and used as they lie");

namespace {

constexpr const char* manifest_name = "index.json";
constexpr size_t manifest_limit = 1 << 20;

Manifest read_manifest(const fs::path& folder) {
  const fs::path file = folder / manifest_name;
  if (!fs::exists(file)) {
    throw Error({.what = "holds no index (index.json is missing)",
                 .file = folder.string(),
                 .mend = "make one with cambium index build"});
  }
  return parse_manifest(read_file(file, manifest_limit), file);
}

}  // namespace

// Held by the writer; the kernel lets go of it when the process ends, however it ends.
class Index::Lock {
 public:
  explicit Lock(const fs::path& folder) {
    const fs::path file = folder / "lock";
    descriptor_ = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (descriptor_ < 0)
      throw Error({.what = std::string("cannot open: ") + std::strerror(errno),
                   .file = file.string(),
                   .mend = "check that the folder may be written"});
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      throw Error({.what = "another process is writing to this index",
                   .file = folder.string(),
                   .mend = "wait until it has finished"});
    }
  }
  ~Lock() { close(descriptor_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_ = -1;
};

void IndexOptions::validate() const {
  space.validate();
  if (dimensions < 1 || dimensions > (1 << 20)) {
    throw Error({.what = std::to_string(dimensions) + " is out of range",
                 .field = "dimensions",
                 .mend = "give the length of an embedding"});
  }
}

bool Index::exists(const fs::path& folder) { return fs::exists(folder / manifest_name); }

Index Index::create(const fs::path& folder, const IndexOptions& options) {
  options.validate();
  std::error_code code;
  if (exists(folder))
    throw Error(
        {.what = "holds an index already", .file = folder.string(), .mend = "add to it, or choose another folder"});
  if (fs::exists(folder, code) && (!fs::is_directory(folder, code) || !fs::is_empty(folder, code))) {
    throw Error(
        {.what = "is not an empty folder", .file = folder.string(), .mend = "choose another place for the index"});
  }
  fs::create_directories(folder, code);
  if (code)
    throw Error({.what = "cannot create the folder: " + code.message(),
                 .file = folder.string(),
                 .mend = "check the path and its permissions"});
  auto lock = std::make_unique<Lock>(folder);
  Index index(
      folder,
      Manifest{
          .space = options.space, .dimensions = options.dimensions, .storage = options.storage, .model = options.model},
      std::move(lock));
  index.commit();
  return index;
}

Index Index::open(const fs::path& folder) {
  // A compaction may delete the files between reading their name and opening them: look again.
  for (int attempt = 0;; ++attempt) {
    const Manifest before = read_manifest(folder);
    try {
      return open_once(folder, nullptr);
    } catch (const Error&) {
      if (attempt == 2 || read_manifest(folder).generation == before.generation) throw;
    }
  }
}

Index Index::open_for_writing(const fs::path& folder) {
  read_manifest(folder);  // before a lock file is left in a folder that is no index
  Index index = open_once(folder, std::make_unique<Lock>(folder));
  index.delete_other_generations();
  return index;
}

Index Index::open_once(const fs::path& folder, std::unique_ptr<Lock> lock) {
  Index index(folder, read_manifest(folder), std::move(lock));
  index.read_items();
  return index;
}

Index::Index(fs::path folder, Manifest manifest, std::unique_ptr<Lock> lock)
    : folder_(std::move(folder)),
      manifest_(std::move(manifest)),
      lock_(std::move(lock)),
      vectors_file_(folder_ / manifest_.vectors_name(), manifest_.rows * manifest_.row_bytes(), lock_ != nullptr),
      items_file_(folder_ / manifest_.items_name(), manifest_.items_bytes, lock_ != nullptr) {}

Index::Index(Index&&) noexcept = default;
Index& Index::operator=(Index&&) noexcept = default;
Index::~Index() = default;

void Index::read_items() {
  const std::string text = items_file_.read();
  int64_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    ++line;
    if (end == std::string::npos) {
      throw Error({.what = "the last line has no end",
                   .file = items_file_.path().string(),
                   .field = "line " + std::to_string(line),
                   .mend = "build the index again from the pictures"});
    }
    apply(parse_entry(std::string_view(text).substr(at, end - at), items_file_.path(), line), line);
    at = end + 1;
  }
  if (static_cast<int64_t>(items_.size()) != manifest_.rows) {
    throw Error({.what = "lists " + std::to_string(items_.size()) + " items where index.json speaks of " +
                         std::to_string(manifest_.rows) + " rows",
                 .file = items_file_.path().string(),
                 .mend = "build the index again from the pictures"});
  }
}

void Index::apply(Entry entry, int64_t line) {
  if (auto* item = std::get_if<Item>(&entry)) {
    const auto row = static_cast<int64_t>(items_.size());
    const auto [place, fresh] = row_of_.try_emplace(item->path, row);
    if (!fresh) {
      throw Error({.what = "\"" + item->path + "\" is added twice",
                   .file = items_file_.path().string(),
                   .field = "line " + std::to_string(line),
                   .mend = "build the index again from the pictures"});
    }
    items_.push_back(std::move(*item));
    removed_.push_back(0);
    return;
  }
  const int64_t row = std::get<Removal>(entry).row;
  if (row >= static_cast<int64_t>(items_.size()) || removed_[static_cast<size_t>(row)] != 0) {
    throw Error({.what = "row " + std::to_string(row) + " is removed but not there",
                 .file = items_file_.path().string(),
                 .field = "line " + std::to_string(line),
                 .mend = "build the index again from the pictures"});
  }
  removed_[static_cast<size_t>(row)] = 1;
  row_of_.erase(items_[static_cast<size_t>(row)].path);
}

void Index::require_writing() const {
  if (!lock_)
    throw Error({.what = "is open for searching only", .file = folder_.string(), .mend = "open it for writing"});
}

void Index::delete_other_generations() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool ours = (name.starts_with("vectors.") && name.ends_with(".bin")) ||
                      (name.starts_with("items.") && name.ends_with(".jsonl"));
    if (ours && name != manifest_.vectors_name() && name != manifest_.items_name()) fs::remove(entry.path(), ignored);
  }
}

const Item* Index::find(const std::string& path) const {
  const auto found = row_of_.find(path);
  return found == row_of_.end() ? nullptr : &items_[static_cast<size_t>(found->second)];
}

bool Index::is_current(const Item& item) const {
  const Item* known = find(item.path);
  return known != nullptr && *known == item;
}

const Item& Index::item(int64_t row) const {
  if (row < 0 || row >= static_cast<int64_t>(items_.size())) {
    throw Error({.what = "there is no row " + std::to_string(row),
                 .file = folder_.string(),
                 .mend = "use rows that a search returned"});
  }
  return items_[static_cast<size_t>(row)];
}

std::vector<int64_t> Index::rows() const {
  std::vector<int64_t> rows;
  for (size_t row = 0; row < items_.size(); ++row) {
    if (removed_[row] == 0) rows.push_back(static_cast<int64_t>(row));
  }
  return rows;
}

void Index::add(std::span<const Item> items, const at::Tensor& embeddings) {
  require_writing();
  if (embeddings.dim() != 2 || embeddings.size(0) != static_cast<int64_t>(items.size()) ||
      embeddings.size(1) != manifest_.dimensions) {
    throw Error({.what = "expected " + std::to_string(items.size()) + " rows of " +
                         std::to_string(manifest_.dimensions) + " numbers",
                 .file = folder_.string(),
                 .field = "embeddings",
                 .mend = "use the model that made the index"});
  }
  const at::Tensor stored =
      embeddings.detach().to(at::kCPU, manifest_.storage == Storage::f32 ? at::kFloat : at::kBFloat16).contiguous();
  if (!stored.isfinite().all().item<bool>()) {
    throw Error({.what = "hold values that are not finite",
                 .file = folder_.string(),
                 .field = "embeddings",
                 .mend = "check the model's outputs for NaN"});
  }
  std::unordered_map<std::string_view, size_t> within;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!within.try_emplace(items[i].path, i).second) {
      throw Error({.what = "is added twice at once", .file = items[i].path, .mend = "give each file once"});
    }
  }
  std::vector<Entry> entries;
  std::string lines;
  for (const Item& item : items) {
    if (const auto found = row_of_.find(item.path); found != row_of_.end())
      entries.emplace_back(Removal{found->second});
    entries.emplace_back(item);
  }
  for (const Entry& entry : entries) lines += serialise(entry);
  const int64_t before = vectors_file_.length();
  vectors_file_.append({static_cast<const char*>(stored.const_data_ptr()), static_cast<size_t>(stored.nbytes())});
  try {
    items_file_.append(lines);
  } catch (...) {
    vectors_file_.rewind(before);  // a full disk must not leave rows without names for a later commit
    throw;
  }
  for (Entry& entry : entries) apply(std::move(entry), 0);
}

bool Index::remove(const std::string& path) {
  require_writing();
  const auto found = row_of_.find(path);
  if (found == row_of_.end()) return false;
  const Removal removal{found->second};
  items_file_.append(serialise(removal));
  apply(removal, 0);
  return true;
}

void Index::commit() {
  require_writing();
  vectors_file_.sync();
  items_file_.sync();
  manifest_.rows = static_cast<int64_t>(items_.size());
  manifest_.items_bytes = items_file_.length();
  write_file(folder_ / manifest_name, serialise(manifest_));
}

void Index::compact() {
  require_writing();
  commit();
  Manifest next = manifest_;
  ++next.generation;
  next.rows = next.items_bytes = 0;
  const std::vector<int64_t> kept = rows();
  {
    AppendFile vectors(folder_ / next.vectors_name(), 0, true), items(folder_ / next.items_name(), 0, true);
    const std::shared_ptr<const void> old = vectors_file_.map();
    const auto row_bytes = static_cast<size_t>(manifest_.row_bytes());
    for (size_t at = 0; at < kept.size();) {
      size_t end = at + 1;  // runs of neighbouring rows are copied at once
      while (end < kept.size() && kept[end] == kept[end - 1] + 1 && (end - at) * row_bytes < (size_t{1} << 24)) ++end;
      vectors.append(
          {static_cast<const char*>(old.get()) + static_cast<size_t>(kept[at]) * row_bytes, (end - at) * row_bytes});
      at = end;
    }
    std::string lines;
    for (const int64_t row : kept) lines += serialise(items_[static_cast<size_t>(row)]);
    items.append(lines);
    vectors.sync();
    items.sync();
    next.rows = static_cast<int64_t>(kept.size());
    next.items_bytes = items.length();
  }
  write_file(folder_ / manifest_name, serialise(next));
  *this = open_once(folder_, std::move(lock_));
  delete_other_generations();
}

at::Tensor Index::vectors() const {
  const int64_t rows = vectors_file_.length() / manifest_.row_bytes();
  const auto dtype = manifest_.storage == Storage::f32 ? at::kFloat : at::kBFloat16;
  if (rows == 0) return at::empty({0, manifest_.dimensions}, dtype);
  if (!mapped_.defined() || mapped_.size(0) != rows) {
    const std::shared_ptr<const void> bytes = vectors_file_.map();
    // Mapped read-only: nobody writes through this tensor.
    mapped_ = at::from_blob(const_cast<void*>(bytes.get()), {rows, manifest_.dimensions}, [bytes](void*) {}, dtype);
  }
  return mapped_;
}

std::vector<std::vector<Hit>> Index::search(const at::Tensor& queries, const SearchOptions& options) const {
  return search_rows(vectors(), queries, manifest_.space, options, removed_);
}

std::vector<Level> Index::levels(const at::Tensor& points, const SearchOptions& options) const {
  return search_levels(vectors(), points, manifest_.space, options, removed_);
}

IndexInfo Index::info() const {
  const auto rows = static_cast<int64_t>(items_.size());
  return {.manifest = manifest_,
          .items = size(),
          .removed = rows - size(),
          .bytes = vectors_file_.length() + items_file_.length()};
}

nlohmann::ordered_json to_json(const IndexInfo& info) {
  auto json = nlohmann::ordered_json::parse(serialise(info.manifest));
  json["items"] = info.items;
  json["removed"] = info.removed;
  json["bytes"] = info.bytes;
  return json;
}

std::string to_text(const IndexInfo& info) {
  const Manifest& manifest = info.manifest;
  std::string text = format_count(info.items) + " items of " + format_count(manifest.dimensions) + " dimensions, " +
                     (manifest.storage == Storage::f32 ? "f32" : "bf16") + ", " +
                     format_bytes(static_cast<double>(info.bytes)) + "\n";
  text += "space: " + to_string(manifest.space.kind);
  if (manifest.space.kind == Space::Kind::lorentz) text += " of curvature " + std::to_string(manifest.space.curvature);
  text +=
      "\nmodel: " + manifest.model.name + (manifest.model.path.empty() ? "" : " (" + manifest.model.path + ")") + "\n";
  if (info.removed > 0) text += format_count(info.removed) + " removed rows wait for compaction\n";
  return text;
}

}  // namespace cambium::index
