#pragma once
// Whether a piece of XML (an inline SVG) nests rightly and holds no stray mark-up: enough to catch a missed escape.
#include <string>
#include <string_view>
#include <vector>

namespace cambium::test {

// "" if well-formed, else what is wrong.
inline std::string xml_fault(std::string_view text) {
  std::vector<std::string> open;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '&') {
      const size_t end = text.find(';', at);
      if (end == std::string_view::npos || end - at > 8) return "bare ampersand";
      at = end + 1;
      continue;
    }
    if (text[at] == '>') return "stray >";
    if (text[at] != '<') {
      ++at;
      continue;
    }
    size_t end = at + 1;
    bool quoted = false;
    while (end < text.size() && (quoted || text[end] != '>')) {
      if (text[end] == '"') quoted = !quoted;
      if (text[end] == '<') return "< inside a tag";
      ++end;
    }
    if (end == text.size()) return "tag without end";
    const std::string_view tag = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "</" + std::string(tag.substr(1)) + "> closes nothing";
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.emplace_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

}  // namespace cambium::test
