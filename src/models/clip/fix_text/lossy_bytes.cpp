#include "models/clip/fix_text/lossy_bytes.h"

#include <cstdint>

namespace cambium::clip::fix_text {
namespace {

// Bytes from `at` on, 0 beyond the end (which is in none of the ranges asked for below).
class Window {
 public:
  Window(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}
  uint8_t operator[](size_t i) const {
    return at_ + i < bytes_.size() ? static_cast<uint8_t>(bytes_[at_ + i]) : uint8_t{0};
  }
  bool in(size_t i, uint8_t low, uint8_t high) const { return (*this)[i] >= low && (*this)[i] <= high; }
  bool continues(size_t i) const { return in(i, 0x80, 0xBF); }

 private:
  std::string_view bytes_;
  size_t at_;
};

bool begins_portuguese_word(std::string_view rest) {
  for (const std::string_view word : {"quele", "quela", "quilo", "s "}) {
    if (rest.starts_with(word)) return true;
  }
  return false;
}

// Length of a sequence in which one continuation byte is a space that was 0xA0; 0 if there is none.
size_t altered_length(const Window& w) {
  const auto space = [&](size_t i) { return w[i] == ' '; };
  // Beside 0x85, the other byte that is white space in Windows-1252, a space is likely to be one.
  const auto plain = [&](size_t i) { return w.continues(i) && w[i] != 0x85 && w[i] != 0xA0; };
  switch (w[0]) {
    case 0xC2:
    case 0xC3:
    case 0xC5:
    case 0xCE:
    case 0xD0:
    case 0xD9:
      return space(1) ? 2 : 0;
    case 0xE0:
    case 0xE1:
      return plain(1) && space(2) ? 3 : 0;
    case 0xE2:
    case 0xE3:
      return (space(1) && plain(2)) || (plain(1) && space(2)) ? 3 : 0;
    case 0xF0: {
      const bool altered = (space(1) && w.continues(2) && w.continues(3)) ||
                           (w.continues(1) && space(2) && w.continues(3)) ||
                           (w.continues(1) && w.continues(2) && space(3));
      return altered ? 4 : 0;
    }
    default:
      return 0;
  }
}

// Length of a sequence of which bytes are lost; 0 if there is none.
size_t lossy_length(const Window& w) {
  constexpr uint8_t kSubstitute = 0x1A;
  const auto lost = [&](size_t i) { return w[i] == kSubstitute || w[i] == '?'; };
  const auto kept = [&](size_t i) { return w[i] == kSubstitute || w.continues(i); };
  if (w.in(0, 0xC2, 0xDF) && w[1] == kSubstitute) return 2;
  if (w.in(0, 0xC2, 0xC3) && w[1] == '?') return 2;
  if (w[0] == 0xED && w.in(1, 0xA0, 0xAF) && w[3] == 0xED && w.in(4, 0xB0, 0xBF)) {
    const bool first = lost(2) && (lost(5) || w.continues(5));
    const bool second = (lost(2) || w.continues(2)) && lost(5);
    if (first || second) return 6;
  }
  if (w.in(0, 0xE0, 0xEF) && ((lost(1) && kept(2)) || (kept(1) && lost(2)))) return 3;
  if (w.in(0, 0xF0, 0xF4) &&
      ((lost(1) && kept(2) && kept(3)) || (kept(1) && lost(2) && kept(3)) || (kept(1) && kept(2) && lost(3)))) {
    return 4;
  }
  return w[0] == kSubstitute ? 1 : 0;
}

}  // namespace

std::string restore_byte_a0(std::string_view bytes) {
  std::string words;
  for (size_t i = 0; i < bytes.size(); ++i) {
    words += bytes[i];
    if (bytes[i] != '\xC3' || i + 1 >= bytes.size() || bytes[i + 1] != ' ') continue;
    const std::string_view rest = bytes.substr(i + 2);
    if (!rest.starts_with(' ') && !begins_portuguese_word(rest)) words += '\xA0';
  }
  std::string out;
  for (size_t i = 0; i < words.size();) {
    const size_t length = altered_length(Window(words, i));
    for (size_t k = 0; k < length; ++k) out += words[i + k] == ' ' ? '\xA0' : words[i + k];
    if (length == 0) out += words[i];
    i += length ? length : 1;
  }
  return out;
}

std::string replace_lossy_sequences(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = lossy_length(Window(bytes, i));
    if (length) {
      out += "\xEF\xBF\xBD";
    } else {
      out += bytes[i];
    }
    i += length ? length : 1;
  }
  return out;
}

}  // namespace cambium::clip::fix_text
