#pragma once
// The steps of fix_text() that look at single characters or a few neighbours.
#include <string>

namespace cambium::clip::fix_text {

// Latin ligatures and digraphs to the letters they are made of; not æ and its like, which are letters.
std::u32string fix_latin_ligatures(std::u32string text);
// Fullwidth Latin and halfwidth Katakana and Hangul to their usual widths; the ideographic space to a space.
std::u32string fix_character_width(std::u32string text);
// Curly quotation marks to ' and ".
std::u32string uncurl_quotes(std::u32string text);
// CR LF, CR, U+2028, U+2029 and U+0085 to LF.
std::u32string fix_line_breaks(std::u32string text);
// Pairs of UTF-16 surrogates to the character they stand for, lone ones to U+FFFD.
std::u32string fix_surrogates(std::u32string text);
// "ESC [ 31 m" and its like away.
std::u32string remove_terminal_escapes(std::u32string text);
// Controls without a visible effect away: ASCII's but tab, line feed, form feed and carriage return; U+206A to U+206F,
// U+FEFF, U+FFF9 to U+FFFC.
std::u32string remove_control_chars(std::u32string text);

}  // namespace cambium::clip::fix_text
