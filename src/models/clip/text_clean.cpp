#include "models/clip/text_clean.h"

#include <algorithm>

#include "models/clip/fix_text/fix_text.h"
#include "models/clip/fix_text/html_entities.h"
#include "models/clip/unicode.h"

namespace cambium::clip {
namespace {

// Runs of white space to one space, none at the ends.
template <class String>
String collapse_space(const String& text) {
  String out;
  out.reserve(text.size());
  for (const auto c : text) {
    if (!is_space(static_cast<char32_t>(c))) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Text that no step but white space and case can change: printable ASCII without entities. Most captions are this.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7F && c != '&') || c == '\t' || c == '\n'; });
}

}  // namespace

std::string clean_text(std::string_view text) {
  if (is_plain(text)) {
    std::string out = collapse_space(std::string(text));
    for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 0x20 : c);
    return out;
  }
  std::u32string points = fix_text::fix_text(decode_utf8(text));
  points = fix_text::html_unescape(fix_text::html_unescape(std::move(points)));
  return encode_utf8(to_lower(collapse_space(points)));
}

}  // namespace cambium::clip
