#include "data/annotations.h"

#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/faults.h"
#include "io/text.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;
constexpr size_t kJsonLimit = size_t{4} << 30;

Json read_json(const fs::path& path) {
  const std::string text = read_file(path, kJsonLimit);
  if (const size_t bad = io::invalid_utf8(text); bad != std::string::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<int64_t>(bad), '\n');
    throw Error({.what = "is not UTF-8",
                 .file = path.string(),
                 .field = "line " + std::to_string(line),
                 .mend = "save it as UTF-8"});
  }
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    throw Error({.what = "is not a JSON object", .file = path.string(), .mend = "give the published annotation file"});
  return json;
}

const Json& list(const Json& json, const char* field, const fs::path& path) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_array()) {
    throw Error({.what = "has no list '" + std::string(field) + "'",
                 .file = path.string(),
                 .mend = "give the published annotation file"});
  }
  return *found;
}

// json[field] as text, or nothing.
const std::string* text(const Json& json, const char* field) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(field);
  return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
}

// Ids are integers in COCO and text in some derived files.
std::string id_of(const Json& json, const char* field) {
  if (!json.is_object()) return "";
  const auto found = json.find(field);
  if (found == json.end()) return "";
  if (found->is_number_integer()) return found->dump();
  return found->is_string() ? found->get<std::string>() : "";
}

std::string place(const char* list, size_t index) { return std::string(list) + "[" + std::to_string(index) + "]"; }

void check_pictures(const std::vector<ImageList::Entry>& entries, const fs::path& images, const fs::path& annotations) {
  Faults missing(annotations.string(), "check the folder of pictures, '" + images.string() + "'");
  for (const ImageList::Entry& entry : entries) {
    if (!fs::is_regular_file(entry.path)) missing.add("", "no picture '" + entry.path.string() + "'");
  }
  missing.report();
}

}  // namespace

std::shared_ptr<const ImageList> open_coco_captions(const fs::path& annotations, const fs::path& images) {
  const Json json = read_json(annotations);
  Faults faults(annotations.string(), "give the published annotation file");
  std::unordered_map<std::string, std::string> files;
  size_t index = 0;
  for (const Json& image : list(json, "images", annotations)) {
    const std::string id = id_of(image, "id");
    const std::string* file = text(image, "file_name");
    if (id.empty() || !file) {
      faults.add(place("images", index), "has no id or file_name");
    } else {
      files[id] = *file;
    }
    ++index;
  }
  std::vector<ImageList::Entry> entries;
  std::unordered_map<std::string, size_t> places;
  index = 0;
  for (const Json& annotation : list(json, "annotations", annotations)) {
    const std::string at = place("annotations", index++);
    const std::string id = id_of(annotation, "image_id");
    const std::string* caption = text(annotation, "caption");
    if (id.empty() || !caption) {
      faults.add(at, "has no image_id or caption");
      continue;
    }
    const auto file = files.find(id);
    if (file == files.end()) {
      faults.add(at, "names the unknown image " + id);
      continue;
    }
    const auto [found, added] = places.try_emplace(id, entries.size());
    if (added) entries.push_back({.key = id, .path = images / file->second});
    entries[found->second].captions.push_back(*caption);
  }
  faults.report();
  check_pictures(entries, images, annotations);
  return std::make_shared<const ImageList>(ImageList::Contents{annotations.string(), std::move(entries)});
}

std::shared_ptr<const ImageList> open_karpathy_captions(const fs::path& annotations, const fs::path& images,
                                                        const std::string& split) {
  const Json json = read_json(annotations);
  Faults faults(annotations.string(), "give the published annotation file");
  std::vector<ImageList::Entry> entries;
  std::set<std::string> splits;
  size_t index = 0;
  for (const Json& image : list(json, "images", annotations)) {
    const std::string at = place("images", index++);
    const std::string *its = text(image, "split"), *file = text(image, "filename"), *folder = text(image, "filepath");
    if (!its || !file) {
      faults.add(at, "has no split or filename");
      continue;
    }
    splits.insert(*its);
    if (*its != split) continue;
    // COCO's file has a folder for each picture ("val2014"), Flickr30k's has none.
    ImageList::Entry entry{.key = *file, .path = folder ? images / *folder / *file : images / *file};
    const auto sentences = image.find("sentences");
    if (sentences != image.end() && sentences->is_array()) {
      for (const Json& sentence : *sentences) {
        if (const std::string* raw = text(sentence, "raw")) entry.captions.push_back(*raw);
      }
    }
    if (entry.captions.empty()) {
      faults.add(at, "has no sentences");
    } else {
      entries.push_back(std::move(entry));
    }
  }
  faults.report();
  if (!splits.contains(split)) {
    std::string known;
    for (const std::string& name : splits) known += (known.empty() ? "" : ", ") + name;
    throw Error({.what = "has no split '" + split + "', only " + known,
                 .file = annotations.string(),
                 .mend = "name one of these"});
  }
  check_pictures(entries, images, annotations);
  return std::make_shared<const ImageList>(ImageList::Contents{annotations.string(), std::move(entries)});
}

}  // namespace cambium::data
