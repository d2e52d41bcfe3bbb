#pragma once
// Repairs on the bytes of text that was UTF-8 once and lost something on its way through a single-byte code page.
#include <string>
#include <string_view>

namespace cambium::clip::fix_text {

// Puts byte 0xA0 back where a program took it for a space (0x20), if the sequence around it is UTF-8 then; a lone
// "\xC3 " becomes a word of its own ("à la mode").
std::string restore_byte_a0(std::string_view bytes);

// Sequences that lost bytes to SUBSTITUTE (0x1A) or, at most once, to a question mark become U+FFFD.
std::string replace_lossy_sequences(std::string_view bytes);

}  // namespace cambium::clip::fix_text
