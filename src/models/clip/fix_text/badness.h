#pragma once
// The heuristic that tells mojibake (UTF-8 read in a single-byte code page) from text that means what it says: that of
// ftfy 6 by Robyn Speer (Apache-2.0; https://ftfy.readthedocs.io/en/latest/heuristic.html), in tables of our own.
#include <string_view>

namespace cambium::clip::fix_text {

// Whether two or more neighbouring characters are far likelier to come from a wrong decoding than from a writer.
bool is_bad(std::u32string_view text);

}  // namespace cambium::clip::fix_text
