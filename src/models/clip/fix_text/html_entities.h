#pragma once
// HTML's character references, read in two ways.
#include <string>
#include <string_view>

namespace cambium::clip::fix_text {

// As a browser does (Python's html.unescape): with or without semicolon, the longest known name ("&notit;" is "¬it;").
std::u32string html_unescape(std::u32string text);

// As text that was not meant to be HTML wants it: whole references that end in a semicolon only, and also names shouted
// in capitals ("&EACUTE;" is "É") where no reference has that name.
std::u32string unescape_entities(std::u32string text);

}  // namespace cambium::clip::fix_text
