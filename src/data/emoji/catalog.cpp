#include "data/emoji/catalog.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/random.h"

namespace cambium::data::emoji {
namespace {

using nlohmann::json;

json parse(std::string_view text, const char* file) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded())
    throw Error({.what = "is not JSON", .file = file, .mend = "delete the download and fetch it again"});
  return parsed;
}

std::string spaced(std::string text) {
  std::replace(text.begin(), text.end(), '-', ' ');
  return text;
}

// Each code point of a hexcode, in lower case, replaced by what `map` gives; what becomes "" is left out.
template <class Map>
std::string map_code_points(std::string_view hexcode, const Map& map) {
  std::string out;
  for (size_t at = 0; at < hexcode.size();) {
    const size_t end = std::min(hexcode.find('-', at), hexcode.size());
    std::string part(hexcode.substr(at, end - at));
    std::transform(part.begin(), part.end(), part.begin(), [](unsigned char c) { return std::tolower(c); });
    if (const std::string mapped = map(part); !mapped.empty()) out += (out.empty() ? "" : "-") + mapped;
    at = end + 1;
  }
  return out;
}

}  // namespace

std::string normalised_hexcode(std::string_view hexcode) {
  return map_code_points(hexcode, [](const std::string& part) { return part == "fe0f" ? "" : part; });
}

std::string genderless_hexcode(std::string_view hexcode) {
  return map_code_points(normalised_hexcode(hexcode), [](const std::string& part) -> std::string {
    if (part == "2640" || part == "2642" || part == "200d") return "";  // signs of gender, and what joins them
    return part == "1f468" || part == "1f469" ? "1f9d1" : part;         // man, woman: person
  });
}

std::vector<Emoji> parse_emojibase(std::string_view data, std::string_view messages, std::string_view groups) {
  const json entries = parse(data, "emojibase-data en/data.json"),
             names = parse(messages, "emojibase-data en/messages.json"),
             tree = parse(groups, "emojibase-data meta/groups.json");
  std::vector<Emoji> catalog;
  try {
    std::map<std::string, std::string> group_titles;
    for (const json& group : names.at("groups")) group_titles[group.at("key")] = group.at("message");
    for (const json& entry : entries) {
      if (!entry.contains("group")) continue;  // regional indicators
      const std::string group = tree.at("groups").at(std::to_string(entry.at("group").get<int>()));
      if (group == "component") continue;  // skin tones and hair alone
      Emoji emoji{.hexcode = normalised_hexcode(entry.at("hexcode").get<std::string>()),
                  .name = entry.at("label"),
                  .keywords = entry.value("tags", std::vector<std::string>{}),
                  .subgroup = spaced(tree.at("subgroups").at(std::to_string(entry.at("subgroup").get<int>()))),
                  .group = group_titles.at(group)};
      catalog.push_back(std::move(emoji));
    }
  } catch (const std::exception& error) {
    throw Error({.what = std::string("unexpected layout: ") + error.what(),
                 .file = "emojibase-data",
                 .mend = "use the pinned version"});
  }
  return catalog;
}

void write_catalog(const std::filesystem::path& file, const std::vector<Emoji>& catalog) {
  json out = json::array();
  for (const Emoji& emoji : catalog) {
    out.push_back({{"hexcode", emoji.hexcode},
                   {"name", emoji.name},
                   {"keywords", emoji.keywords},
                   {"subgroup", emoji.subgroup},
                   {"group", emoji.group}});
  }
  write_file(file, out.dump(1) + "\n");
}

std::vector<Emoji> read_catalog(const std::filesystem::path& file) {
  const json parsed = json::parse(read_file(file), nullptr, false);
  std::vector<Emoji> catalog;
  try {
    for (const json& entry : parsed) {
      catalog.push_back({.hexcode = entry.at("hexcode"),
                         .name = entry.at("name"),
                         .keywords = entry.at("keywords").get<std::vector<std::string>>(),
                         .subgroup = entry.at("subgroup"),
                         .group = entry.at("group")});
    }
  } catch (const json::exception& error) {
    throw Error({.what = std::string("is not an emoji catalogue: ") + error.what(),
                 .file = file.string(),
                 .mend = "run scripts/data again"});
  }
  if (catalog.empty()) throw Error({.what = "holds no emoji", .file = file.string(), .mend = "run scripts/data again"});
  return catalog;
}

bool held_out(std::string_view hexcode) { return mix_seed(17, hexcode) % 100 < 15; }

const std::vector<Style>& styles() {
  static const std::vector<Style> all = {{"noto", "Noto Emoji", "Apache-2.0", true},
                                         {"twemoji", "Twemoji", "CC-BY-4.0", true},
                                         {"openmoji", "OpenMoji", "CC-BY-SA-4.0", true},
                                         {"fluent-flat", "Fluent Emoji Flat", "MIT", false},
                                         {"fluent-3d", "Fluent Emoji 3D", "MIT", false}};
  return all;
}

}  // namespace cambium::data::emoji
