#pragma once
// Single-byte code pages as text goes wrong through them, and the two readings of UTF-8 that can put it right.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cambium::clip::fix_text {

// Code points of the bytes 0x80 to 0xFF.
using HighHalf = char16_t[128];

struct CodePage {
  std::string_view name;
  const HighHalf& high;
  // "Sloppy": bytes that the code page leaves open stand for the code point of the same number (as in HTML5), and byte
  // 0x1A, SUBSTITUTE, stands for U+FFFD, a character that somebody else has already lost.
  bool sloppy;
};

// The code pages that mojibake is looked for in, in the order in which they are tried.
std::span<const CodePage> code_pages();
inline constexpr size_t kLatin1 = 0;       // index into code_pages()
inline constexpr size_t kWindows1257 = 6;  // the last Windows one
inline constexpr size_t kMacRoman = 8;

// The bytes that code_pages()[page] reads as `text`, or nothing if some character is not in it.
std::optional<std::string> encode(size_t page, std::u32string_view text);

// Windows-1252 in place of Latin-1, for the C1 controls U+0080 to U+009F only; five have no such reading and stay.
char32_t c1_as_windows_1252(char32_t c);

// CESU-8 (surrogate pairs of three bytes each) and Java's NUL in two bytes, beside plain UTF-8. False if it is neither.
bool try_decode_utf8_variants(std::string_view bytes, std::u32string& text);

}  // namespace cambium::clip::fix_text
