#pragma once
// The Unicode operations that the tokenizer's text cleaning needs, over utf8proc's tables.
#include <string>
#include <string_view>

namespace cambium::clip {

// UTF-8 to code points. Throws Error with the byte's offset where the text is not UTF-8. One thing is let through:
// surrogates written as three bytes each (CESU-8), which fix_text() joins into the character they stand for.
std::u32string decode_utf8(std::string_view text);

// The same, each ill-formed sequence replaced by one U+FFFD (Unicode 15, section 3.9, "maximal subparts").
std::u32string decode_utf8_lossy(std::string_view text);

// Strict: false, and `text` unspecified, where the bytes are not UTF-8 (surrogates included).
bool try_decode_utf8(std::string_view bytes, std::u32string& text);

std::string encode_utf8(std::u32string_view text);

// Normalization form C.
std::u32string to_nfc(std::u32string text);
// Compatibility composition (NFKC) of one character.
std::u32string to_nfkc(char32_t c);

// Lower case as Unicode's SpecialCasing.txt has it outside any language: a sigma at a word's end becomes the final
// sigma, and U+0130 (dotted capital I) two code points.
std::u32string to_lower(std::u32string_view text);
// Upper case of one character by its simple mapping.
char32_t to_upper(char32_t c);

// White space: White_Space property and the separators U+001C to U+001F.
bool is_space(char32_t c);
// Decimal digits of any script.
bool is_decimal_digit(char32_t c);
// Letters, numbers and the underscore.
bool is_word(char32_t c);

}  // namespace cambium::clip
