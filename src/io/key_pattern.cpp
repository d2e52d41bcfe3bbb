#include "io/key_pattern.h"

#include <algorithm>

namespace cambium::io {

std::pair<std::string, std::string> split_index(const std::string& name) {
  for (size_t begin = 0; begin < name.size();) {
    size_t end = name.find('.', begin);
    if (end == std::string::npos) end = name.size();
    const bool digits = end > begin && std::all_of(name.begin() + begin, name.begin() + end,
                                                   [](char c) { return c >= '0' && c <= '9'; });
    if (digits)
      return {name.substr(0, begin) + std::string(kIndex) + name.substr(end), name.substr(begin, end - begin)};
    begin = end + 1;
  }
  return {name, ""};
}

std::string replace_first(std::string_view text, std::string_view what, std::string_view by) {
  std::string out(text);
  if (const size_t at = out.find(what); at != std::string::npos) out.replace(at, what.size(), by);
  return out;
}

}  // namespace cambium::io
