#pragma once
// What the CLIP tokenizer does to text before anything else: ftfy's fix_text, version 6, with its defaults
// (https://ftfy.readthedocs.io/en/latest/config.html): entities, mojibake, ligatures, widths, quotes, line breaks,
// surrogates, terminal escapes, controls, normalization form C. Line by line, each until nothing changes any more.
#include <string>
#include <string_view>

namespace cambium::clip::fix_text {

// `text` may hold surrogates; the result does not.
std::u32string fix_text(std::u32string_view text);

}  // namespace cambium::clip::fix_text
