#include "systems/video_ldm/film_set.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/paths.h"
#include "core/sha256.h"
#include "data/clips/clip.h"

namespace cambium::systems::video_ldm {
namespace {

// With hyphens as emojibase writes them, a subgroup's name is one word to the tokenizer.
std::string spaced(std::string words) {
  std::replace(words.begin(), words.end(), '-', ' ');
  return words;
}

std::string first(const std::vector<std::string>& texts) { return texts.empty() ? "" : texts.front(); }

}  // namespace

void fields(io::RecipeSection& s, FilmLists& lists) {
  s.field("train", lists.train);
  s.field("held_out", lists.held_out);
  if (lists.train.empty() && !lists.held_out.empty())
    s.fail("held_out", "names films although train names none", "name both lists, or neither");
}

std::filesystem::path prepared_animations() {
  const std::filesystem::path folder = cache_dir() / "data" / "animations-1";
  if (!std::filesystem::exists(folder / "train.jsonl")) {
    throw Error(
        {.what = "the animations are not there yet", .file = folder.string(), .mend = "run scripts/data video_ldm"});
  }
  return folder;
}

FilmSet FilmSet::open(const FilmLists& lists, const FilmSetOptions& options) {
  FilmSet set;
  set.options_ = options;
  if (lists.train.empty()) {
    const std::filesystem::path folder = prepared_animations();
    set.add(folder / "train.jsonl", FilmSplit::train);
    set.add(folder / "held_out.jsonl", FilmSplit::held_out);
    if (options.stills) set.add(folder / "still.jsonl", FilmSplit::train);
    return set;
  }
  for (const std::string& list : lists.train) set.add(list, FilmSplit::train);
  for (const std::string& list : lists.held_out) set.add(list, FilmSplit::held_out);
  return set;
}

void FilmSet::add(const std::string& path, FilmSplit split) {
  const auto list = data::open_clip_list(
      path, {.extra_columns = {"subgroup"}, .frames = options_.least_frames, .fps = options_.fps, .threads = 2});
  for (size_t i = 0; i < list->entries().size(); ++i) {
    const data::ClipList::Entry& entry = list->entries()[i];
    films_.push_back({.caption = first(entry.captions),
                      .subgroup = spaced(entry.extra.empty() ? "" : first(entry.extra.front())),
                      .split = split});
    places_.push_back({.list = list, .index = static_cast<int64_t>(i)});
  }
  fingerprints_.push_back(list->fingerprint());
}

std::vector<int64_t> FilmSet::of(FilmSplit split) const {
  std::vector<int64_t> out;
  for (size_t i = 0; i < films_.size(); ++i) {
    if (films_[i].split == split) out.push_back(static_cast<int64_t>(i));
  }
  return out;
}

at::Tensor FilmSet::frames(int64_t film) const {
  const Place& place = places_.at(static_cast<size_t>(film));
  const data::Timeline& timeline = place.list->entries()[static_cast<size_t>(place.index)].timeline;
  // The most frames that a clip from the film's beginning can have.
  int64_t count = 1;
  while (data::last_start(timeline, count + 1, options_.fps) >= 0) ++count;
  return data::clip_at(*place.list, place.index, 0,
                       {.frames = count, .fps = options_.fps, .width = options_.width, .height = options_.height})
      .frames;
}

std::string FilmSet::fingerprint() const {
  const nlohmann::json parts = {fingerprints_, options_.height, options_.width, options_.fps};
  return sha256_hex(parts.dump());
}

}  // namespace cambium::systems::video_ldm
