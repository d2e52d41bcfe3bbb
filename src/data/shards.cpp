#include "data/shards.h"

#include <algorithm>
#include <glob.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/sha256.h"
#include "data/shard_cursor.h"
#include "io/text.h"

namespace cambium::data {
namespace fs = std::filesystem;
namespace {

constexpr size_t kOpenShards = 32;
constexpr int64_t kPictureLimit = int64_t{256} << 20, kWordsLimit = int64_t{1} << 20;
constexpr std::string_view kPictures[] = {"jpg", "jpeg", "png", "webp", "gif", "bmp"};

struct Glob {
  glob_t found{};
  ~Glob() { globfree(&found); }
};

std::vector<fs::path> expand(const std::string& pattern) {
  if (fs::exists(pattern)) return {pattern};
  Glob result;
  const int code = glob(pattern.c_str(), GLOB_BRACE | GLOB_TILDE, nullptr, &result.found);
  if (code != 0 && code != GLOB_NOMATCH) {
    throw Error({.what = "cannot search the folder", .file = pattern, .mend = "check that its folders may be read"});
  }
  return {result.found.gl_pathv, result.found.gl_pathv + result.found.gl_pathc};
}

std::string utf8(const io::TarFile& tar, const io::TarMember& member, std::string text) {
  const size_t bad = io::invalid_utf8(text);
  if (bad != std::string::npos) {
    throw Error({.what = "is not UTF-8 (byte " + std::to_string(bad) + ")",
                 .file = tar.name(),
                 .field = member.name,
                 .mend = "make the shard again with UTF-8 captions"});
  }
  return text;
}

void read_json(const io::TarFile& tar, const io::TarMember& member, const ShardOptions& options, Sample& sample) {
  const auto fail = [&](std::string what, std::string mend) {
    throw Error({.what = std::move(what), .file = tar.name(), .field = member.name, .mend = std::move(mend)});
  };
  const auto json = nlohmann::json::parse(utf8(tar, member, tar.read(member, kWordsLimit)), nullptr, false);
  if (!json.is_object()) fail("is not a JSON object", "make the shard again");
  const auto caption = json.find(options.caption_field);
  if (caption == json.end() || !caption->is_string()) {
    std::vector<std::string> fields;
    for (const auto& [key, value] : json.items()) fields.push_back(key);
    const std::string close = nearest(options.caption_field, fields);
    fail("has no text field '" + options.caption_field + "'",
         close.empty() ? "name the field that holds the caption" : "is '" + close + "' the caption's field?");
  }
  sample.captions.push_back(caption->get<std::string>());
  for (const std::string& field : options.extra_fields) {
    std::vector<std::string>& texts = sample.extra.emplace_back();
    const auto found = json.find(field);
    if (found == json.end()) continue;
    for (const auto& text : found->is_array() ? *found : nlohmann::json::array({*found})) {
      if (!text.is_string())
        fail("holds something else than text in '" + field + "'", "make it a text or a list of texts");
      texts.push_back(text.get<std::string>());
    }
  }
  const auto subreddit = json.find(options.subreddit_field);
  if (subreddit != json.end() && subreddit->is_string()) sample.subreddit = *subreddit;
}

}  // namespace

std::vector<fs::path> expand_globs(const std::vector<std::string>& patterns) {
  std::vector<fs::path> paths;
  for (const std::string& pattern : patterns) {
    std::vector<fs::path> found = expand(pattern);
    if (found.empty()) {
      std::istringstream words(pattern);
      for (std::string word; words >> word;) {
        std::vector<fs::path> some = expand(word);
        if (some.empty())
          throw Error(
              {.what = "no file matches", .file = word, .mend = "give a path or a pattern such as 'shards/*.tar'"});
        found.insert(found.end(), some.begin(), some.end());
      }
    }
    if (found.empty())
      throw Error(
          {.what = "no file matches", .file = pattern, .mend = "give a path or a pattern such as 'shards/*.tar'"});
    for (const fs::path& path : found) {
      if (fs::is_directory(path)) {
        throw Error({.what = "is a folder, not a shard",
                     .file = path.string(),
                     .mend = "give '" + (path / "*.tar").string() + "'"});
      }
    }
    paths.insert(paths.end(), found.begin(), found.end());
  }
  if (paths.empty())
    throw UsageError(
        {.what = "no shards were given", .field = "shards", .mend = "give a path or a pattern such as 'shards/*.tar'"});
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

std::shared_ptr<const io::TarFile> ImageTextShards::Set::open(int64_t shard) const {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(opened_.begin(), opened_.end(), [&](const auto& entry) { return entry.first == shard; });
  if (at != opened_.end()) {
    std::rotate(at, at + 1, opened_.end());
  } else {
    if (opened_.size() == kOpenShards) opened_.erase(opened_.begin());
    opened_.emplace_back(shard, std::make_shared<const io::TarFile>(paths.at(static_cast<size_t>(shard))));
  }
  return opened_.back().second;
}

ImageTextShards::ImageTextShards(const std::vector<std::string>& patterns, ShardOptions options)
    : set_(std::make_shared<Set>()) {
  set_->paths = expand_globs(patterns);
  set_->options = std::move(options);
  // Names and sizes, not folders: the data may move.
  Sha256 sum;
  for (const fs::path& path : set_->paths) {
    std::error_code code;
    const auto size = fs::file_size(path, code);
    sum.update(path.filename().string() + '\0' + std::to_string(code ? 0 : size) + '\n');
  }
  fingerprint_ = sum.hex();
  if (!io::sample_at(*set_->open(0), 0)) {
    throw Error({.what = "holds no samples",
                 .file = set_->paths[0].string(),
                 .mend = "a shard holds members STEM.jpg with STEM.json or STEM.txt"});
  }
  fetch({.shard = 0, .offset = 0});
}

std::unique_ptr<Cursor> ImageTextShards::cursor(const StreamOptions& options) const {
  options.validate();
  if (static_cast<int64_t>(set_->paths.size()) < options.world) {
    throw Error({.what = std::to_string(set_->paths.size()) + " shards cannot be split among " +
                         std::to_string(options.world) + " ranks",
                 .field = "shards",
                 .mend = "make at least one shard a rank"});
  }
  return std::make_unique<ShardCursor>(set_, options);
}

Sample ImageTextShards::fetch(const Ticket& ticket) const {
  const auto tar = set_->open(ticket.shard);
  const std::optional<io::TarSample> parts = io::sample_at(*tar, ticket.offset);
  if (!parts)
    throw Error({.what = "has no sample at byte " + std::to_string(ticket.offset),
                 .file = tar->name(),
                 .mend = "leave the shards alone during a run"});
  const io::TarMember* picture = nullptr;
  for (const std::string_view extension : kPictures) {
    if (!picture) picture = parts->find(extension);
  }
  if (!picture)
    throw Error({.what = "has no picture",
                 .file = tar->name(),
                 .field = parts->key,
                 .mend = "a sample needs a jpg, png or webp member"});
  Sample sample{.key = parts->key, .source = tar->name() + ": " + picture->name};
  if (const io::TarMember* json = parts->find("json"); json) {
    read_json(*tar, *json, set_->options, sample);
  } else if (const io::TarMember* words = parts->find("txt"); words) {
    sample.captions.emplace_back(io::trim(utf8(*tar, *words, tar->read(*words, kWordsLimit))));
  } else {
    throw Error({.what = "has no words",
                 .file = tar->name(),
                 .field = parts->key,
                 .mend = "a sample needs a json or txt member"});
  }
  sample.image = tar->read(*picture, kPictureLimit);
  return sample;
}

}  // namespace cambium::data
