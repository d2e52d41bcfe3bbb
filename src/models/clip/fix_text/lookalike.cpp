#include "models/clip/fix_text/lookalike.h"

#include <array>
#include <cstdint>

#include "models/clip/fix_text/codecs.h"

namespace cambium::clip::fix_text {
namespace {

enum Role : uint8_t {
  kLeadOf2 = 1,
  kLeadOf3 = 2,
  kLeadOf4 = 4,
  kContinuation = 8,
  kStrictContinuation = 16,  // one that hardly stands for itself beside mojibake
};

constexpr char32_t kRolesEnd = 0x2123;  // above the trade mark sign, the highest in the Windows code pages

// What Latin-1 and the Windows code pages make of each byte of a UTF-8 sequence.
std::array<uint8_t, kRolesEnd> roles_by_code_page() {
  std::array<uint8_t, kRolesEnd> roles{};
  for (size_t page = kLatin1; page <= kWindows1257; ++page) {
    for (uint32_t byte = 0x80; byte <= 0xFF; ++byte) {
      uint8_t& role = roles[code_pages()[page].high[byte - 0x80]];
      if (byte <= 0xBF) role |= kContinuation | kStrictContinuation;
      if (byte >= 0xC2 && byte <= 0xDF) role |= kLeadOf2;
      if (byte >= 0xE0 && byte <= 0xEF) role |= kLeadOf3;
      if (byte == 0xF0 || byte == 0xF3) role |= kLeadOf4;  // of emoji and tags; the others lead to nothing assigned
    }
  }
  roles[' '] |= kContinuation;  // for byte 0xA0, which some program took for a space
  for (const char32_t c : std::u32string_view(U"–—―‘’‚“”„•…")) roles[c] &= static_cast<uint8_t>(~kStrictContinuation);
  return roles;
}

uint8_t role_of(char32_t c) {
  static const std::array<uint8_t, kRolesEnd> roles = roles_by_code_page();  // a constant, made when first asked for
  return c < kRolesEnd ? roles[c] : 0;
}

// The end of the sequence that begins at `at`, or `at` if none does.
size_t sequence_end(std::u32string_view text, size_t at) {
  const uint8_t role = role_of(text[at]);
  const size_t continuations = role & kLeadOf2 ? 1 : role & kLeadOf3 ? 2 : role & kLeadOf4 ? 3 : 0;
  if (continuations == 0 || at + continuations >= text.size()) return at;
  for (size_t i = 1; i <= continuations; ++i) {
    if (!(role_of(text[at + i]) & kContinuation)) return at;
  }
  return at + continuations + 1;
}

}  // namespace

Stretch find_utf8_lookalike(std::u32string_view text, size_t from) {
  for (size_t begin = from; begin < text.size(); ++begin) {
    // Not in the middle of a garble, where mending a few characters would make the rest worse.
    if (begin > 0 && (role_of(text[begin - 1]) & kStrictContinuation)) continue;
    size_t end = begin;
    while (end < text.size()) {
      const size_t next = sequence_end(text, end);
      if (next == end) break;
      end = next;
    }
    if (end > begin) return {begin, end};
  }
  return {};
}

}  // namespace cambium::clip::fix_text
