#include "models/clip/fix_text/fix_text.h"

#include <algorithm>

#include "models/clip/fix_text/characters.h"
#include "models/clip/fix_text/fix_encoding.h"
#include "models/clip/fix_text/html_entities.h"
#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

constexpr size_t kLongestSegment = 1000000;  // characters; a longer line is mended in parts of this size

std::u32string fix_segment(std::u32string text, bool unescape) {
  while (true) {
    std::u32string before = text;
    if (unescape) text = unescape_entities(std::move(text));
    text = fix_encoding(std::move(text));
    text = fix_c1_controls(std::move(text));
    text = fix_latin_ligatures(std::move(text));
    text = fix_character_width(std::move(text));
    text = uncurl_quotes(std::move(text));
    text = fix_line_breaks(std::move(text));
    text = fix_surrogates(std::move(text));
    text = remove_terminal_escapes(std::move(text));
    text = remove_control_chars(std::move(text));
    text = to_nfc(std::move(text));
    if (text == before) return text;
  }
}

}  // namespace

std::u32string fix_text(std::u32string_view text) {
  std::u32string out;
  bool unescape = true;
  for (size_t begin = 0; begin < text.size();) {
    const size_t line_feed = text.find(U'\n', begin);
    size_t end = line_feed == std::u32string_view::npos ? text.size() : line_feed + 1;
    end = std::min(end, begin + kLongestSegment);
    const std::u32string_view segment = text.substr(begin, end - begin);
    // A "<" says that this is HTML, where entities are meant: from here on they stay.
    if (segment.find(U'<') != std::u32string_view::npos) unescape = false;
    out += fix_segment(std::u32string(segment), unescape);
    begin = end;
  }
  return out;
}

}  // namespace cambium::clip::fix_text
