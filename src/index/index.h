#pragma once
// An index folder: embeddings of files, added and removed without rebuilding, searched exactly. Knows no model.
//
//   index.json          what is committed; replaced whole, so a folder is always whole
//   vectors.N.bin       the embeddings, row after row, float32 or bfloat16, little-endian, without a header
//   items.N.jsonl       which row is which file, and which rows were removed, in order
//   lock                held by the one process that may write
//
// Killed at any moment, the folder is as of the last commit(), and the next build goes on from there.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "index/append_file.h"
#include "index/format.h"
#include "index/search.h"

namespace cambium::index {

struct IndexOptions {
  Space space = {};
  int64_t dimensions = 0;
  Storage storage = Storage::f32;
  ModelReference model = {};

  void validate() const;
};

struct IndexInfo {
  Manifest manifest;
  int64_t items = 0;    // that can be found
  int64_t removed = 0;  // rows that wait for compaction
  int64_t bytes = 0;    // on disk
};
nlohmann::ordered_json to_json(const IndexInfo& info);
std::string to_text(const IndexInfo& info);

class Index {
 public:
  // Whether the folder holds an index.
  static bool exists(const std::filesystem::path& folder);
  // A new index in a folder that is missing or empty, open for writing.
  static Index create(const std::filesystem::path& folder, const IndexOptions& options);
  // Open for searching: sees what was committed at this moment, whatever a writer does meanwhile.
  static Index open(const std::filesystem::path& folder);
  // Open for adding and removing; Error if another process is writing.
  static Index open_for_writing(const std::filesystem::path& folder);

  Index(Index&&) noexcept;
  Index& operator=(Index&&) noexcept;
  ~Index();

  const Manifest& manifest() const { return manifest_; }
  const std::filesystem::path& folder() const { return folder_; }
  IndexInfo info() const;
  int64_t size() const { return static_cast<int64_t>(row_of_.size()); }

  // The item under this path, if any.
  const Item* find(const std::string& path) const;
  // Whether the path is here with the same size and time: nothing to do for it.
  bool is_current(const Item& item) const;
  const Item& item(int64_t row) const;
  // Rows that can be found, in the order added.
  std::vector<int64_t> rows() const;

  // Appends embeddings [n, D] of n items; a path that is here already is replaced. Seen by search() at once, kept after
  // commit().
  void add(std::span<const Item> items, const at::Tensor& embeddings);
  // False if there is no such path.
  bool remove(const std::string& path);
  // Makes what was added and removed last: files first, then index.json.
  void commit();
  // Drops removed rows from the files (a new generation of them) and commits.
  void compact();

  // The embeddings [N, D] as stored, mapped from the file, the removed included.
  at::Tensor vectors() const;
  std::vector<std::vector<Hit>> search(const at::Tensor& queries, const SearchOptions& options = {}) const;
  std::vector<Level> levels(const at::Tensor& points, const SearchOptions& options = {}) const;

 private:
  class Lock;
  Index(std::filesystem::path folder, Manifest manifest, std::unique_ptr<Lock> lock);
  static Index open_once(const std::filesystem::path& folder, std::unique_ptr<Lock> lock);
  void read_items();
  void apply(Entry entry, int64_t line);
  void require_writing() const;
  void delete_other_generations() const;

  std::filesystem::path folder_;
  Manifest manifest_;
  std::unique_ptr<Lock> lock_;  // null: for searching only
  AppendFile vectors_file_, items_file_;
  std::vector<Item> items_;       // by row
  std::vector<uint8_t> removed_;  // by row
  std::unordered_map<std::string, int64_t> row_of_;
  mutable at::Tensor mapped_;  // the last mapping handed out
};

}  // namespace cambium::index
