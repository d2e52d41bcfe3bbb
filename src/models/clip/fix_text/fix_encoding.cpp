#include "models/clip/fix_text/fix_encoding.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "models/clip/fix_text/badness.h"
#include "models/clip/fix_text/codecs.h"
#include "models/clip/fix_text/lookalike.h"
#include "models/clip/fix_text/lossy_bytes.h"
#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

// The text as UTF-8 that was read in code page `page`, if it can be that.
std::optional<std::u32string> reread_as_utf8(size_t page, std::string bytes) {
  // In MacRoman 0xA0 is a dagger and a lead byte before a space an en dash: nothing to restore.
  if (page != kMacRoman) bytes = restore_byte_a0(bytes);
  if (code_pages()[page].sloppy) bytes = replace_lossy_sequences(bytes);
  std::u32string text;
  const bool variants = bytes.find_first_of("\xED\xC0") != std::string::npos;
  if (!(variants ? try_decode_utf8_variants(bytes, text) : try_decode_utf8(bytes, text))) return std::nullopt;
  return text;
}

// Mends stretches of mojibake one by one, where the text as a whole is of no one code page.
std::u32string fix_stretches(const std::u32string& text) {
  std::u32string out;
  size_t done = 0;
  for (Stretch stretch = find_utf8_lookalike(text, 0); !stretch.empty(); stretch = find_utf8_lookalike(text, done)) {
    out.append(text, done, stretch.begin - done);
    std::u32string part = text.substr(stretch.begin, stretch.end - stretch.begin);
    // Shorter than the whole, or this would never end.
    if (part.size() < text.size() && is_bad(part)) part = fix_encoding(std::move(part));
    out += part;
    done = stretch.end;
  }
  return out.append(text, done);
}

// One layer of mojibake off; the text itself if there is none.
std::u32string peel(const std::u32string& text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
  if (ascii || !is_bad(text)) return text;
  for (size_t page = 0; page < code_pages().size(); ++page) {
    std::optional<std::string> bytes = encode(page, text);
    if (!bytes) continue;
    if (auto fixed = reread_as_utf8(page, std::move(*bytes))) return *fixed;
  }
  if (std::u32string fixed = fix_stretches(text); fixed != text) return fixed;
  return fix_c1_controls(text);
}

}  // namespace

std::u32string fix_c1_controls(std::u32string text) {
  for (char32_t& c : text) c = c1_as_windows_1252(c);
  return text;
}

std::u32string fix_encoding(std::u32string text) {
  while (true) {
    std::u32string peeled = peel(text);
    if (peeled == text) return text;
    text = std::move(peeled);
  }
}

}  // namespace cambium::clip::fix_text
