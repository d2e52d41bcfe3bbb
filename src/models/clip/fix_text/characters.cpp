#include "models/clip/fix_text/characters.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

std::u32string_view ligature_letters(char32_t c) {
  switch (c) {
    case U'\u0132':
      return U"IJ";
    case U'\u0133':
      return U"ij";
    case U'\u0149':
      return U"\u02BCn";
    case U'\u01C4':
      return U"DŽ";
    case U'\u01C5':
      return U"Dž";
    case U'\u01C6':
      return U"dž";
    case U'\u01C7':
      return U"LJ";
    case U'\u01C8':
      return U"Lj";
    case U'\u01C9':
      return U"lj";
    case U'\u01CA':
      return U"NJ";
    case U'\u01CB':
      return U"Nj";
    case U'\u01CC':
      return U"nj";
    case U'\u01F1':
      return U"DZ";
    case U'\u01F2':
      return U"Dz";
    case U'\u01F3':
      return U"dz";
    case U'\uFB00':
      return U"ff";
    case U'\uFB01':
      return U"fi";
    case U'\uFB02':
      return U"fl";
    case U'\uFB03':
      return U"ffi";
    case U'\uFB04':
      return U"ffl";
    case U'\uFB05':
      return U"\u017Ft";
    case U'\uFB06':
      return U"st";
    default:
      return {};
  }
}

// Halfwidth and Fullwidth Forms, from U+FF01 on: each one's compatibility form.
constexpr char32_t kFirstForm = 0xFF01, kLastForm = 0xFFEF;

const std::u32string& width_form(char32_t c) {
  static const auto forms = [] {  // a constant, made when the first such character is met
    std::array<std::u32string, kLastForm - kFirstForm + 1> made;
    for (char32_t form = kFirstForm; form <= kLastForm; ++form) made[form - kFirstForm] = to_nfkc(form);
    return made;
  }();
  return forms[c - kFirstForm];
}

bool is_removed_control(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

bool is_high_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDBFF; }
bool is_low_surrogate(char32_t c) { return c >= 0xDC00 && c <= 0xDFFF; }

// `text` with some characters replaced by others: `letters(c)` is empty where c stays. No copy where all stay.
template <class Letters>
std::u32string replace(std::u32string text, Letters letters) {
  const auto first = std::find_if(text.begin(), text.end(), [&](char32_t c) { return !letters(c).empty(); });
  if (first == text.end()) return text;
  std::u32string out(text.begin(), first);
  for (auto at = first; at != text.end(); ++at) {
    const std::u32string_view replacement = letters(*at);
    if (replacement.empty()) {
      out += *at;
    } else {
      out += replacement;
    }
  }
  return out;
}

}  // namespace

std::u32string fix_latin_ligatures(std::u32string text) { return replace(std::move(text), ligature_letters); }

std::u32string fix_character_width(std::u32string text) {
  return replace(std::move(text), [](char32_t c) -> std::u32string_view {
    if (c == 0x3000) return U" ";
    return c >= kFirstForm && c <= kLastForm ? std::u32string_view(width_form(c)) : std::u32string_view();
  });
}

std::u32string uncurl_quotes(std::u32string text) {
  for (char32_t& c : text) {
    if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) c = U'\'';
    if (c >= 0x201C && c <= 0x201F) c = U'"';
  }
  return text;
}

std::u32string fix_line_breaks(std::u32string text) {
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    text[length++] = c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85 ? U'\n' : c;
  }
  text.resize(length);
  return text;
}

std::u32string fix_surrogates(std::u32string text) {
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char32_t c = text[i];
    if (is_high_surrogate(c) && i + 1 < text.size() && is_low_surrogate(text[i + 1])) {
      c = 0x10000 + ((c - 0xD800) << 10) + (text[++i] - 0xDC00);
    } else if (is_high_surrogate(c) || is_low_surrogate(c)) {
      c = 0xFFFD;
    }
    text[length++] = c;
  }
  text.resize(length);
  return text;
}

std::u32string remove_terminal_escapes(std::u32string text) {
  if (text.find(U'\x1B') == std::u32string::npos) return text;
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == 0x1B && i + 1 < text.size() && text[i + 1] == '[') {
      size_t end = i + 2;
      while (end < text.size() && (text[end] == ';' || is_decimal_digit(text[end]))) ++end;
      if (end < text.size() && ((text[end] | 0x20) >= 'a' && (text[end] | 0x20) <= 'z')) {
        i = end + 1;
        continue;
      }
    }
    out += text[i++];
  }
  return out;
}

std::u32string remove_control_chars(std::u32string text) {
  std::erase_if(text, is_removed_control);
  return text;
}

}  // namespace cambium::clip::fix_text
