#pragma once
// Emoji as a small labelled world: a name, keywords, a subgroup and a group for each, in the Unicode order.
// Source: emojibase-data (MIT), joined to the drawing sets by code points less the variation selector FE0F.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cambium::data::emoji {

struct Emoji {
  std::string hexcode;                // "1f9d1-200d-1f680", lower case, without fe0f
  std::string name;                   // "astronaut"
  std::vector<std::string> keywords;  // "rocket", "space"
  std::string subgroup;               // "person role"
  std::string group;                  // "people & body"
};

// Base emoji only (no skin tones, no components), from the texts of emojibase's en/data.json, en/messages.json and
// meta/groups.json. Errors name the file.
std::vector<Emoji> parse_emojibase(std::string_view data, std::string_view messages, std::string_view groups);

// "1F9D1-200D-FE0F" -> "1f9d1-200d".
std::string normalised_hexcode(std::string_view hexcode);

// What a woman's, a man's and a person's emoji have in common ("1f469-200d-1f680" and "1f468-200d-1f680": the same),
// since they are one drawing with other hair: they must fall on the same side of a split.
std::string genderless_hexcode(std::string_view hexcode);

// The prepared catalogue, as catalog.json beside the picture shards.
void write_catalog(const std::filesystem::path& file, const std::vector<Emoji>& catalog);
std::vector<Emoji> read_catalog(const std::filesystem::path& file);

// Whether an emoji is held out of training in every style: a fixed 15%, by a hash of its code points.
bool held_out(std::string_view hexcode);

// The drawing styles, in the order of the shards; the last two share their drawings and are never trained on.
struct Style {
  const char* name;
  const char* title;
  const char* licence;
  bool trained;
};
const std::vector<Style>& styles();

}  // namespace cambium::data::emoji
