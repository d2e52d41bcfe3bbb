#include "models/clip/fix_text/codecs.h"

#include <algorithm>
#include <array>
#include <utility>

#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

#include "models/clip/fix_text/codec_tables.inc"

struct Latin1 {
  HighHalf high;
};
constexpr Latin1 latin1 = [] {
  Latin1 table{};
  for (int i = 0; i < 128; ++i) table.high[i] = static_cast<char16_t>(0x80 + i);
  return table;
}();

constexpr CodePage kCodePages[] = {
    {"latin-1", latin1.high, false}, {"windows-1252", cp1252, true},   {"windows-1251", cp1251, true},
    {"windows-1250", cp1250, true},  {"windows-1253", cp1253, true},   {"windows-1254", cp1254, true},
    {"windows-1257", cp1257, true},  {"iso-8859-2", iso8859_2, false}, {"macroman", mac_roman, false},
    {"cp437", cp437, false},
};

// (code point, byte) of the high half, sorted by code point.
using Reverse = std::array<std::pair<char16_t, uint8_t>, 128>;

constexpr Reverse reverse(const HighHalf& high) {
  Reverse pairs{};
  for (int i = 0; i < 128; ++i) pairs[i] = {high[i], static_cast<uint8_t>(0x80 + i)};
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

constexpr std::array<Reverse, std::size(kCodePages)> kReverse = [] {
  std::array<Reverse, std::size(kCodePages)> tables{};
  for (size_t i = 0; i < tables.size(); ++i) tables[i] = reverse(kCodePages[i].high);
  return tables;
}();

}  // namespace

std::span<const CodePage> code_pages() { return kCodePages; }

std::optional<std::string> encode(size_t page, std::u32string_view text) {
  const Reverse& table = kReverse[page];
  const bool sloppy = kCodePages[page].sloppy;
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    if (sloppy && (c == 0x1A || c == 0xFFFD)) {
      if (c == 0x1A) return std::nullopt;
      bytes += '\x1A';
    } else if (c < 0x80) {
      bytes += static_cast<char>(c);
    } else {
      const auto found = std::lower_bound(table.begin(), table.end(), c,
                                          [](const auto& entry, char32_t point) { return entry.first < point; });
      if (found == table.end() || found->first != c) return std::nullopt;
      bytes += static_cast<char>(found->second);
    }
  }
  return bytes;
}

char32_t c1_as_windows_1252(char32_t c) { return c >= 0x80 && c <= 0x9F ? cp1252[c - 0x80] : c; }

bool try_decode_utf8_variants(std::string_view bytes, std::u32string& text) {
  const auto byte = [&](size_t i) -> uint32_t { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0u; };
  const auto within = [&](size_t i, uint32_t low, uint32_t high) { return byte(i) >= low && byte(i) <= high; };
  // ftfy's patterns for truncated sequences end in `$`, which also matches before a final line feed: there the line
  // feed is taken for the missing last byte. Kept, since the tokens must be the same.
  const auto final_line_feed = [&](size_t i) { return i + 1 == bytes.size() && byte(i) == '\n'; };

  text.clear();
  std::u32string plain;
  const auto append_plain = [&](size_t begin, size_t end) {
    if (!try_decode_utf8(bytes.substr(begin, end - begin), plain)) return false;
    text += plain;
    return true;
  };

  size_t done = 0;
  for (size_t i = 0; i < bytes.size();) {
    int length = 0;
    char32_t c = 0;
    if (byte(i) == 0xC0 && (byte(i + 1) == 0x80 || final_line_feed(i + 1))) {
      length = 2;
    } else if (byte(i) == 0xED && within(i + 1, 0xA0, 0xAF) && within(i + 2, 0x80, 0xBF) && byte(i + 3) == 0xED &&
               within(i + 4, 0xB0, 0xBF) && (within(i + 5, 0x80, 0xBF) || final_line_feed(i + 5))) {
      length = 6;
      c = 0x10000 + ((byte(i + 1) & 0x0F) << 16) + ((byte(i + 2) & 0x3F) << 10) + ((byte(i + 4) & 0x0F) << 6) +
          (byte(i + 5) & 0x3F);
    }
    if (length == 0) {
      ++i;
      continue;
    }
    if (!append_plain(done, i)) return false;
    text += c;
    i += length;
    done = i;
  }
  return append_plain(done, bytes.size());
}

}  // namespace cambium::clip::fix_text
