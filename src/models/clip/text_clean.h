#pragma once
#include <string>
#include <string_view>

namespace cambium::clip {

// Text as the CLIP vocabulary was made from: fix_text, HTML unescaped twice, runs of white space to one space, none at
// the ends, lower case. UTF-8 in and out; Error with the offset where the input is not UTF-8.
std::string clean_text(std::string_view text);

}  // namespace cambium::clip
