#include "data/labelled.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/faults.h"
#include "io/image.h"
#include "io/table.h"
#include "io/text.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

constexpr size_t kNamesLimit = size_t{16} << 20;

[[noreturn]] void refuse_names(const fs::path& path, std::string what,
                               std::string mend = "give one class name a line, or a JSON list or object") {
  throw Error({.what = std::move(what), .file = path.string(), .mend = std::move(mend)});
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(io::trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void require_folder(const fs::path& root) {
  if (!fs::is_directory(root)) {
    throw Error({.what = fs::exists(root) ? "is not a folder" : "does not exist",
                 .file = root.string(),
                 .mend = "give the dataset's folder"});
  }
}

// What a table's label stands for.
class Labels {
 public:
  Labels(std::vector<std::string> names, std::vector<std::string> keys) : names_(std::move(names)) {
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto label = static_cast<int64_t>(i);
      if (const auto [place, added] = known_.try_emplace(names_[i], label); !added) place->second = kTwice;
      if (!keys.empty()) known_[keys[i]] = label;
    }
  }

  // The label, or -1 with a fault.
  int64_t find(const std::string& text, std::string& fault) const {
    const auto found = known_.find(text);
    if (found != known_.end() && found->second != kTwice) return found->second;
    int64_t label = -1;
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), label);
    if (code == std::errc() && stop == text.data() + text.size() && label >= 0 && label < std::ssize(names_))
      return label;
    if (found != known_.end()) {
      fault = "two classes are named '" + text + "', so give its number";
    } else {
      fault = "no class '" + text + "' among " + std::to_string(names_.size());
      if (const std::string close = nearest(text, names_); !close.empty()) fault += " (nearest: '" + close + "')";
    }
    return -1;
  }

 private:
  static constexpr int64_t kTwice = -2;
  std::vector<std::string> names_;
  std::map<std::string, int64_t> known_;
};

}  // namespace

std::vector<std::string> read_class_names(const fs::path& path, std::vector<std::string>* keys) {
  const std::string text = read_file(path, kNamesLimit);
  if (io::invalid_utf8(text) != std::string::npos) refuse_names(path, "is not UTF-8", "save it as UTF-8");
  std::vector<std::string> names;
  if (path.extension() == ".json") {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_array() && !json.is_object()) refuse_names(path, "is not a JSON list or object");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) refuse_names(path, "has a class name that is not text");
      names.push_back(value);
      if (keys && json.is_object()) keys->push_back(key);
    }
  } else {
    names = lines_of(text);
  }
  if (names.empty()) refuse_names(path, "holds no class names");
  for (size_t i = 0; i < names.size(); ++i) {
    if (io::trim(names[i]).empty()) refuse_names(path, "has an empty name for class " + std::to_string(i));
  }
  return names;
}

std::shared_ptr<const ImageList> open_image_folder(const fs::path& root, const fs::path& names_file) {
  require_folder(root);
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_directory()) folders.push_back(entry.path().filename().string());
  }
  std::sort(folders.begin(), folders.end());
  if (folders.empty())
    throw Error({.what = "holds no class folders",
                 .file = root.string(),
                 .mend = "put each class's pictures into a folder of its own"});

  std::vector<std::string> names;
  if (names_file.empty()) {
    for (std::string name : folders) {
      std::replace(name.begin(), name.end(), '_', ' ');
      names.push_back(std::move(name));
    }
  } else {
    std::vector<std::string> keys;
    names = read_class_names(names_file, &keys);
    if (!keys.empty()) {
      Faults missing(names_file.string(), "give every class folder of '" + root.string() + "' a name");
      std::vector<std::string> ordered;
      for (const std::string& folder : folders) {
        const auto key = std::find(keys.begin(), keys.end(), folder);
        if (key == keys.end()) {
          missing.add("", "no name for folder '" + folder + "'");
        } else {
          ordered.push_back(names[static_cast<size_t>(key - keys.begin())]);
        }
      }
      missing.report();
      names = std::move(ordered);
    } else if (names.size() != folders.size()) {
      refuse_names(
          names_file,
          "holds " + std::to_string(names.size()) + " names for " + std::to_string(folders.size()) + " class folders",
          "give one name a folder of '" + root.string() + "', in sorted order");
    }
  }

  std::vector<ImageList::Entry> entries;
  Faults empty(root.string(), "remove these folders or fill them");
  for (size_t label = 0; label < folders.size(); ++label) {
    std::vector<fs::path> pictures;
    for (const auto& entry : fs::recursive_directory_iterator(root / folders[label])) {
      if (entry.is_regular_file() && io::has_image_extension(entry.path())) pictures.push_back(entry.path());
    }
    if (pictures.empty()) empty.add("", "class folder '" + folders[label] + "' holds no pictures");
    std::sort(pictures.begin(), pictures.end());
    for (const fs::path& picture : pictures) {
      entries.push_back(
          {.key = picture.lexically_relative(root).string(), .path = picture, .label = static_cast<int64_t>(label)});
    }
  }
  empty.report();
  return std::make_shared<const ImageList>(ImageList::Contents{root.string(), std::move(entries), std::move(names)});
}

std::shared_ptr<const ImageList> open_label_table(const fs::path& table, const LabelTableOptions& options) {
  struct Row {
    std::string at, image, label;
  };
  const fs::path root = options.root.empty() ? table.parent_path() : options.root;
  io::TableReader reader(table, {options.image_column, options.label_column});
  Faults faults(table.string(), "correct these rows");
  std::vector<Row> rows;
  std::set<std::string> seen;
  for (io::TableRow row; reader.next(row);) {
    std::string at = "line " + std::to_string(row.line);
    if (!row.fault.empty()) {
      faults.add(at, row.fault);
      continue;
    }
    if (row.cells[0].size() != 1 || row.cells[1].size() != 1) {
      faults.add(at, "needs one picture and one label");
      continue;
    }
    rows.push_back({std::move(at), std::string(io::trim(row.cells[0][0])), std::string(io::trim(row.cells[1][0]))});
    seen.insert(rows.back().label);
  }
  std::vector<std::string> names, keys;
  if (options.names.empty()) {
    names.assign(seen.begin(), seen.end());
  } else {
    names = read_class_names(options.names, &keys);
  }

  const Labels labels(names, keys);
  std::vector<ImageList::Entry> entries;
  for (const Row& row : rows) {
    std::string fault;
    const int64_t label = labels.find(row.label, fault);
    const fs::path path = root / row.image;
    if (row.image.empty() || !fs::is_regular_file(path)) fault = "no picture '" + path.string() + "'";
    if (!fault.empty()) {
      faults.add(row.at, fault);
    } else {
      entries.push_back({.key = row.image, .path = path, .label = label});
    }
  }
  faults.report();
  return std::make_shared<const ImageList>(ImageList::Contents{table.string(), std::move(entries), std::move(names)});
}

}  // namespace cambium::data
