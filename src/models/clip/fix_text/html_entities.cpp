#include "models/clip/fix_text/html_entities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "models/clip/fix_text/codecs.h"
#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

// "NAME;HEX" or "NAME?HEX" (its semicolon may be left out), a second code point after a plus; sorted by name.
constexpr std::string_view kEntities =
#include "models/clip/fix_text/html_entities.inc"
    ;

constexpr size_t kLongestName = 31;  // CounterClockwiseContourIntegral

struct Entity {
  std::string_view name;  // without & and ;
  std::array<char32_t, 2> points{};
  bool bare = false;  // valid without its semicolon

  std::u32string value() const { return {points.data(), points[1] ? size_t{2} : size_t{1}}; }
};

std::vector<Entity> parse_entities() {
  std::vector<Entity> entities;
  entities.reserve(2200);
  for (size_t at = 0; at < kEntities.size();) {
    const size_t end = kEntities.find(' ', at);
    const size_t mark = kEntities.find_first_of(";?", at);
    Entity entity{.name = kEntities.substr(at, mark - at), .bare = kEntities[mark] == '?'};
    const char* digits = kEntities.data() + mark + 1;
    for (char32_t& point : entity.points) {
      uint32_t number = 0;
      digits = std::from_chars(digits, kEntities.data() + end, number, 16).ptr;
      point = number;
      if (*digits != '+') break;
      ++digits;
    }
    entities.push_back(entity);
    at = end + 1;
  }
  return entities;
}

const Entity* find_entity(std::string_view name) {
  static const std::vector<Entity> entities = parse_entities();  // a constant, unpacked when the first & is met
  const auto found = std::lower_bound(entities.begin(), entities.end(), name,
                                      [](const Entity& entity, std::string_view key) { return entity.name < key; });
  return found != entities.end() && found->name == name ? &*found : nullptr;
}

// The longest entity name that `name` begins with and that needs no semicolon.
const Entity* find_bare_prefix(std::string_view name) {
  for (size_t length = std::min(name.size(), kLongestName); length > 1; --length) {
    const Entity* entity = find_entity(name.substr(0, length));
    if (entity && entity->bare) return entity;
  }
  return nullptr;
}

// What a numeric reference stands for: nothing for controls and noncharacters, Windows-1252 for the C1 range.
std::optional<char32_t> numeric_reference(uint64_t number) {
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return U'\uFFFD';
  const char32_t c = static_cast<char32_t>(number);
  if (c >= 0x80 && c <= 0x9F) return c1_as_windows_1252(c);
  const bool control = c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F;
  const bool noncharacter = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
  if (control || noncharacter) return std::nullopt;
  return c;
}

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }
bool is_hex(char32_t c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_alphanumeric(char32_t c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Reads "#123;" or "#x7b;" (semicolon optional) at `at`; appends the character and moves past it, or returns false.
bool read_numeric(std::u32string_view text, size_t& at, std::u32string& out) {
  size_t i = at + 1;
  const bool hex = i < text.size() && (text[i] == 'x' || text[i] == 'X');
  if (hex) ++i;
  const size_t first = i;
  uint64_t number = 0;
  for (; i < text.size() && (hex ? is_hex(text[i]) : is_digit(text[i])); ++i) {
    const uint64_t digit = is_digit(text[i]) ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10;
    number = std::min<uint64_t>(number * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (i == first) return false;
  if (i < text.size() && text[i] == ';') ++i;
  if (const auto c = numeric_reference(number)) out += *c;
  at = i;
  return true;
}

// Reads a named reference at `at` (after the &), as a browser does.
bool read_named(std::u32string_view text, size_t& at, std::u32string& out) {
  std::string name;  // ASCII: no entity has another character
  size_t i = at;
  while (i < text.size() && name.size() < kLongestName && is_alphanumeric(text[i])) {
    name += static_cast<char>(text[i++]);
  }
  if (i < text.size() && text[i] == ';') {
    if (const Entity* entity = find_entity(name)) {
      out += entity->value();
      at = i + 1;
      return true;
    }
  }
  const Entity* entity = find_bare_prefix(name);
  if (!entity) return false;
  out += entity->value();
  at += entity->name.size();
  return true;
}

// Python's str.upper() of an entity's value.
std::u32string upper_case(const Entity& entity) {
  if (entity.name == "szlig") return U"SS";
  if (entity.name == "napos") return U"\u02BCN";
  if (entity.name == "fflig") return U"FF";
  if (entity.name == "filig") return U"FI";
  if (entity.name == "fllig") return U"FL";
  if (entity.name == "ffilig") return U"FFI";
  if (entity.name == "ffllig") return U"FFL";
  std::u32string value = entity.value();
  for (char32_t& c : value) c = to_upper(c);
  return value;
}

// The name between & and ; read as itself, or as a lower-case name in capitals.
std::optional<std::u32string> whole_name(const std::string& name) {
  if (const Entity* entity = find_entity(name)) return entity->value();
  std::string lower = name;
  for (char& c : lower) {
    if (c >= 'a' && c <= 'z') return std::nullopt;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  const Entity* entity = find_entity(lower);
  // "&COPYSR;" begins with a reference of its own, so it is left to stand.
  if (!entity || find_bare_prefix(name)) return std::nullopt;
  return upper_case(*entity);
}

}  // namespace

std::u32string html_unescape(std::u32string text) {
  if (text.find(U'&') == std::u32string::npos) return text;
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (text[at] != U'&') {
      out += text[at++];
      continue;
    }
    size_t next = at + 1;
    const bool numeric = next < text.size() && text[next] == U'#';
    if (numeric ? read_numeric(text, next, out) : read_named(text, next, out)) {
      at = next;
    } else {
      out += text[at++];
    }
  }
  return out;
}

std::u32string unescape_entities(std::u32string text) {
  if (text.find(U'&') == std::u32string::npos) return text;
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    // &NAME; or &#NUMBER; of up to 24 letters and digits.
    size_t end = at + 1;
    const bool numeric = text[at] == U'&' && end < text.size() && text[end] == U'#';
    if (numeric) ++end;
    std::string name;
    if (text[at] == U'&') {
      while (end < text.size() && name.size() < 24 && is_alphanumeric(text[end])) {
        name += static_cast<char>(text[end++]);
      }
    }
    if (name.empty() || end >= text.size() || text[end] != U';') {
      out += text[at++];
      continue;
    }
    const std::u32string_view reference = std::u32string_view(text).substr(at, end + 1 - at);
    std::optional<std::u32string> value;
    if (numeric) {
      value = html_unescape(std::u32string(reference));
      if (value->find(U';') != std::u32string::npos) value.reset();  // "&#12a;": only a part of it is a number
    } else {
      value = whole_name(name);
    }
    out += value ? std::u32string_view(*value) : reference;
    at = end + 1;
  }
  return out;
}

}  // namespace cambium::clip::fix_text
