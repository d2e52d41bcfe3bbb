#pragma once
// The files of an index folder as text: index.json (what is committed) and the lines of items.N.jsonl (which row is
// which file, in the order written). Parsers take hostile input: one sentence, no crash. See docs/formats.md.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include "index/search.h"

namespace cambium::index {

enum class Storage { f32, bf16 };

// The model that made the embeddings; the index only remembers it.
struct ModelReference {
  std::string name = {};         // "meru vit_b"
  std::string path = {};         // where its weights were
  std::string delta = {};        // where the delta that adapted them was; empty: none
  std::string fingerprint = {};  // of the weights: another model's queries make no sense here
  int64_t picture_size = 0;      // pixels per side that its image encoder takes
};

// One file that was embedded. Size and time tell whether it has changed since.
struct Item {
  std::string path;
  int64_t size = 0;         // bytes
  int64_t modified_ns = 0;  // since 1970

  bool operator==(const Item&) const = default;
};

// index.json: replaced whole at each commit. What the other files hold beyond `rows` and `items_bytes` was never
// committed, and is overwritten by the next writer.
struct Manifest {
  Space space;
  int64_t dimensions = 0;
  Storage storage = Storage::f32;
  ModelReference model = {};
  int64_t generation = 1;  // counts compactions; part of the other files' names
  int64_t rows = 0;        // written, the removed included
  int64_t items_bytes = 0;

  int64_t row_bytes() const { return dimensions * (storage == Storage::f32 ? 4 : 2); }
  std::string vectors_name() const { return "vectors." + std::to_string(generation) + ".bin"; }
  std::string items_name() const { return "items." + std::to_string(generation) + ".jsonl"; }
};

std::string serialise(const Manifest& manifest);
Manifest parse_manifest(std::string_view text, const std::filesystem::path& file);

// A line of items.N.jsonl: a file added as the next row, or a row removed.
struct Removal {
  int64_t row = 0;
};
using Entry = std::variant<Item, Removal>;

std::string serialise(const Entry& entry);  // with its newline
Entry parse_entry(std::string_view line, const std::filesystem::path& file, int64_t line_number);

}  // namespace cambium::index
