#pragma once
// Stretches of text that look like UTF-8 read in a single-byte code page, within text that as a whole is not.
#include <cstddef>
#include <string_view>

namespace cambium::clip::fix_text {

struct Stretch {
  size_t begin = 0, end = 0;
  bool empty() const { return begin == end; }
};

// The first such stretch at or after `from` (empty if there is none): one or more characters that a lead byte could
// have become, each with as many after it as it announces.
Stretch find_utf8_lookalike(std::u32string_view text, size_t from);

}  // namespace cambium::clip::fix_text
