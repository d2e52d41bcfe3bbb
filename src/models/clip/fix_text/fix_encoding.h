#pragma once
#include <string>

namespace cambium::clip::fix_text {

// Undoes mojibake, as often as it was laid on: "schÃ¶n" is "schön". Text that does not look bad stays as it is.
std::u32string fix_encoding(std::u32string text);

// C1 controls (U+0080 to U+009F) as Windows-1252 has them, which is what browsers do.
std::u32string fix_c1_controls(std::u32string text);

}  // namespace cambium::clip::fix_text
