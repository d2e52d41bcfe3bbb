#include "data/caption_folder.h"

#include <algorithm>
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
  throw Error({.what = "holds no captions.csv, .tsv or .jsonl",
               .file = folder.string(),
               .mend = "put one there, or name the table"});
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

// Without white space round them, and without empty ones.
std::vector<std::string> texts_of(const std::vector<std::string>& cell) {
  std::vector<std::string> texts;
  for (const std::string& text : cell) {
    if (const std::string_view kept = io::trim(text); !kept.empty()) texts.emplace_back(kept);
  }
  return texts;
}

// Texts that are not there yet: rows that share a group must not weigh it by their number.
void append(std::vector<std::string>& to, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
  }
}

}  // namespace

std::shared_ptr<const ImageList> open_caption_folder(const fs::path& folder, const CaptionFolderOptions& options) {
  if (!fs::is_directory(folder)) {
    throw Error({.what = fs::exists(folder) ? "is not a folder" : "does not exist",
                 .file = folder.string(),
                 .mend = "give the folder of the pictures"});
  }
  const fs::path table = options.table.empty() ? find_table(folder) : options.table;
  const std::vector<std::string>& extra = options.extra_columns;
  io::TableReader reader(table, {options.image_column, options.caption_column}, extra);
  Faults faults(table.string(), "correct these rows, or set skip_damaged to leave them out", options.skip_damaged);

  ImageList::Contents contents{.source = table.string(), .entries = {}};
  std::unordered_map<std::string, size_t> places;
  std::vector<bool> seen(extra.size());
  for (io::TableRow row; reader.next(row);) {
    const std::string at = "line " + std::to_string(row.line);
    if (!row.fault.empty()) {
      faults.add(at, row.fault);
      continue;
    }
    const std::vector<std::string> captions = texts_of(row.cells[1]);
    if (captions.empty()) {
      faults.add(at, "the caption is empty");
      continue;
    }
    const std::vector<std::string> image = texts_of(row.cells[0]);
    if (image.size() != 1) {
      faults.add(at, image.empty() ? "the picture's path is empty" : "names more than one picture");
      continue;
    }
    const auto [place, added] = places.try_emplace(image[0], contents.entries.size());
    if (added) {
      const fs::path picture = folder / image[0];
      if (const std::string fault = picture_fault(picture); !fault.empty()) {
        faults.add(at, fault);
        places.erase(place);
        continue;
      }
      contents.entries.push_back(
          {.key = image[0], .path = picture, .extra = std::vector<std::vector<std::string>>(extra.size())});
    }
    ImageList::Entry& entry = contents.entries[place->second];
    append(entry.captions, captions);
    for (size_t i = 0; i < extra.size(); ++i) {
      append(entry.extra[i], texts_of(row.cells[2 + i]));
      seen[i] = seen[i] || !entry.extra[i].empty();
    }
  }
  faults.report();
  for (size_t i = 0; i < extra.size() && !contents.entries.empty(); ++i) {
    if (!seen[i])
      throw Error({.what = "no row has a text in '" + extra[i] + "'",
                   .file = table.string(),
                   .mend = "correct the column's name or leave it out"});
  }
  return std::make_shared<const ImageList>(std::move(contents));
}

}  // namespace cambium::data
