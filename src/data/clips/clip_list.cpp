#include "data/clips/clip_list.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "data/faults.h"
#include "data/words.h"
#include "io/animation.h"
#include "io/table.h"
#include "io/text.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

struct Row {
  std::string line;  // "line 7"
  ClipList::Entry entry = {};
  std::optional<double> fps = {};
  std::string fault = "";
};

std::vector<std::string> texts_of(const std::vector<std::string>& cell) {
  std::vector<std::string> texts;
  for (const std::string& text : cell) {
    if (const std::string_view kept = io::trim(text); !kept.empty()) texts.emplace_back(kept);
  }
  return texts;
}

// A number above 0, nothing for an empty cell; a fault for anything else.
std::optional<double> rate_of(const std::vector<std::string>& cell, std::string& fault) {
  const std::vector<std::string> texts = texts_of(cell);
  if (texts.empty()) return std::nullopt;
  double rate = 0;
  const std::string& text = texts.front();
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (texts.size() == 1 && code == std::errc() && stop == text.data() + text.size() && rate > 0 && std::isfinite(rate))
    return rate;
  fault = "'" + text + "' is no rate of frames a second";
  return std::nullopt;
}

std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

Row row_of(io::TableRow&& cells, const fs::path& root) {
  Row row{.line = "line " + std::to_string(cells.line), .fault = cells.fault};
  if (!row.fault.empty()) return row;
  const std::vector<std::string> path = texts_of(cells.cells[0]);
  if (path.size() != 1) {
    row.fault = path.empty() ? "the film's path is empty" : "names more than one film";
    return row;
  }
  row.entry = {.key = path[0], .path = root / path[0], .captions = texts_of(cells.cells[1])};
  row.fps = rate_of(cells.cells[2], row.fault);
  for (size_t i = 3; i < cells.cells.size(); ++i) row.entry.extra.push_back(texts_of(cells.cells[i]));
  return row;
}

std::vector<Row> read_rows(const fs::path& list, const ClipListOptions& options) {
  std::vector<std::string> sparse = {options.caption_column, options.fps_column};
  sparse.insert(sparse.end(), options.extra_columns.begin(), options.extra_columns.end());
  io::TableReader reader(list, {options.path_column}, sparse);
  const fs::path root = options.root.empty() ? list.parent_path() : options.root;
  std::vector<Row> rows;
  for (io::TableRow row; reader.next(row);) rows.push_back(row_of(std::move(row), root));
  return rows;
}

// Reads the films' times, and leaves out or complains of what cannot be used.
std::shared_ptr<const ClipList> checked(const fs::path& list, std::vector<Row> rows, const ClipListOptions& options) {
  for_each_in_parallel(std::ssize(rows), options.threads, [&](int64_t i) {
    Row& row = rows[static_cast<size_t>(i)];
    if (!row.fault.empty()) return;
    try {
      row.entry.timeline = timeline_of(row.entry.path, row.fps);
    } catch (const Error& error) {
      row.fault = error.what();
    }
  });

  Faults faults(list.string(), "correct these rows, or set skip_damaged to leave them out", options.skip_damaged);
  std::vector<ClipList::Entry> entries;
  int64_t too_short = 0;
  for (Row& row : rows) {
    if (!row.fault.empty()) {
      faults.add(row.line, row.fault);
    } else if (last_start(row.entry.timeline, options.frames, options.fps) < 0) {
      ++too_short;
    } else {
      entries.push_back(std::move(row.entry));
    }
  }
  faults.report();
  if (too_short > 0) {
    const std::string rate = options.fps > 0 ? " at " + text_of(options.fps) + " a second" : "";
    const std::string what = std::to_string(too_short) + " of " + std::to_string(rows.size()) +
                             " films are too short or too slow for clips of " + std::to_string(options.frames) +
                             " frames" + rate;
    if (entries.empty()) throw Error({.what = what, .file = list.string(), .mend = "ask for fewer frames"});
    log::warn(list.string() + ": " + what + ", and are left out");
  }
  return std::make_shared<const ClipList>(list.string(), std::move(entries));
}

}  // namespace

void ClipListOptions::validate() const {
  if (frames < 1) throw UsageError({.what = "must be at least 1", .field = "frames", .mend = "8 is usual"});
  if (!(fps >= 0) || !std::isfinite(fps))
    throw UsageError({.what = "must not be negative", .field = "fps", .mend = "0 keeps each film's own rate"});
}

int64_t last_start(const Timeline& film, int64_t frames, double fps) {
  constexpr double kSlower = 0.9;  // below it a clip would show many a frame twice
  const double stride = fps > 0 ? film.fps / fps : 1;
  if (stride < kSlower) return -1;
  const auto reach = static_cast<int64_t>(std::nearbyint(static_cast<double>(frames - 1) * stride));
  return std::max<int64_t>(film.frames - 1 - reach, -1);
}

ClipList::ClipList(std::string source, std::vector<Entry> entries)
    : source_(std::move(source)), entries_(std::move(entries)) {
  if (entries_.empty())
    throw Error({.what = "holds no films", .file = source_, .mend = "give a list with at least one film"});
  // Names, words and lengths, not folders: the data may move.
  Sha256 sum;
  for (const Entry& entry : entries_) {
    sum.update(entry.key + '\0' + std::to_string(entry.timeline.frames));
    add_words(sum, entry.captions, entry.extra);
  }
  fingerprint_ = sum.hex();
}

Sample ClipList::get(int64_t index) const {
  const Entry& entry = entries_.at(static_cast<size_t>(index));
  return {.index = index,
          .key = entry.key,
          .source = entry.path.string(),
          .captions = entry.captions,
          .extra = entry.extra};
}

std::shared_ptr<const ClipList> open_clip_list(const fs::path& list, const ClipListOptions& options) {
  options.validate();
  return checked(list, read_rows(list, options), options);
}

std::shared_ptr<const ClipList> open_clip_folder(const fs::path& folder, const ClipListOptions& options,
                                                 std::optional<double> folder_fps) {
  options.validate();
  if (!fs::is_directory(folder)) {
    throw Error({.what = fs::exists(folder) ? "is not a folder" : "does not exist",
                 .file = folder.string(),
                 .mend = "give a folder of films"});
  }
  std::vector<Row> rows;
  for (const auto& film : fs::directory_iterator(folder)) {
    const std::string name = film.path().filename().string();
    const bool frames = film.is_directory();
    if (name.starts_with(".") ||
        !(frames || io::has_video_extension(film.path()) || io::has_animation_extension(film.path()))) {
      continue;
    }
    rows.push_back({.line = name, .entry = {.key = name, .path = film.path()}});
    if (frames) rows.back().fps = folder_fps;
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.line < b.line; });
  if (rows.empty())
    throw Error({.what = "holds no films", .file = folder.string(), .mend = "give videos, animated WebP or GIF"});
  return checked(folder, std::move(rows), options);
}

}  // namespace cambium::data
