#include "data/caption_folder.h"

#include <unordered_map>

#include "core/error.h"
#include "data/faults.h"
#include "io/table.h"
#include "io/text.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

fs::path find_table(const fs::path& folder) {
  for (const char* stem : {"captions", "metadata"}) {
    for (const char* ending : {".csv", ".tsv", ".jsonl"}) {
      const fs::path path = folder / (std::string(stem) + ending);
      if (fs::exists(path)) return path;
    }
  }
  throw Error({.what = "holds no captions.csv, .tsv or .jsonl", .file = folder.string(), .mend = "put one there, or name the table"});
}

// Why there is no picture, or "".
std::string picture_fault(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) return "no picture '" + path.string() + "'";
  if (!fs::is_regular_file(status)) return "'" + path.string() + "' is not a file";
  if (fs::file_size(path, code) == 0) return "'" + path.string() + "' is empty";
  return "";
}

}  // namespace

std::shared_ptr<const ImageList> open_caption_folder(const fs::path& folder, const CaptionFolderOptions& options) {
  if (!fs::is_directory(folder)) {
    throw Error({.what = fs::exists(folder) ? "is not a folder" : "does not exist", .file = folder.string(), .mend = "give the folder of the pictures"});
  }
  const fs::path table = options.table.empty() ? find_table(folder) : options.table;
  io::TableReader reader(table, {options.image_column, options.caption_column});
  Faults faults(table.string(), "correct these rows, or set skip_faults to leave them out", options.skip_faults);
  std::vector<ImageList::Entry> entries;
  std::unordered_map<std::string, size_t> places;
  for (io::TableRow row; reader.next(row);) {
    const std::string at = "line " + std::to_string(row.line);
    if (!row.fault.empty()) {
      faults.add(at, row.fault);
      continue;
    }
    const std::string image(io::trim(row.cells[0])), caption(io::trim(row.cells[1]));
    if (caption.empty()) {
      faults.add(at, "the caption is empty");
      continue;
    }
    if (image.empty()) {
      faults.add(at, "the picture's path is empty");
      continue;
    }
    const auto [place, added] = places.try_emplace(image, entries.size());
    if (added) {
      const fs::path path = folder / image;
      if (std::string fault = picture_fault(path); !fault.empty()) {
        faults.add(at, fault);
        places.erase(place);
        continue;
      }
      entries.push_back({.key = image, .path = path});
    }
    entries[place->second].captions.push_back(caption);
  }
  faults.report();
  return std::make_shared<const ImageList>(table.string(), std::move(entries));
}

}  // namespace cambium::data
