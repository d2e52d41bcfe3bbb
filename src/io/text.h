#pragma once
// Text as it comes from files.
#include <cstddef>
#include <string>
#include <string_view>

namespace cambium::io {

// Where the first byte that is not valid UTF-8 stands (overlong forms, surrogates and values beyond U+10FFFF are not),
// or npos where all is well.
size_t invalid_utf8(std::string_view text);

// Without white space at both ends (ASCII's).
std::string_view trim(std::string_view text);

// ASCII's capitals made small, all other bytes as they are.
std::string lower(std::string_view text);

}  // namespace cambium::io
