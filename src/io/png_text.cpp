#include "io/png_text.h"

#include "core/atomic_file.h"
#include "io/byte_reader.h"

namespace cambium::io {

namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";

std::string utf8_from_latin1(std::string_view text) {
  std::string utf8;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | byte >> 6);
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

// Up to the next zero byte, which is taken off too; everything where there is none.
std::string_view take_until_zero(std::string_view& rest) {
  const size_t end = rest.find('\0');
  const std::string_view taken = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return taken;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_png_text(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with(kSignature)) throw Error({.what = "not a PNG file", .file = source});
  ByteReader reader(bytes, source, kSignature.size());
  std::vector<std::pair<std::string, std::string>> texts;
  while (reader.remaining() > 0) {
    // Lengths are big-endian. A checksum of four bytes follows the data.
    const uint32_t length = __builtin_bswap32(reader.number<uint32_t>());
    const std::string_view type = reader.take(4);
    std::string_view data = reader.take(length);
    reader.take(4);
    if (type == "IEND") break;
    if (type != "tEXt" && type != "iTXt") continue;
    const std::string keyword = utf8_from_latin1(take_until_zero(data));
    if (type == "tEXt") {
      texts.emplace_back(keyword, utf8_from_latin1(data));
      continue;
    }
    // A flag and a method of compression, then the language and the keyword's translation.
    const bool compressed = data.size() < 2 || data[0] != 0;
    if (compressed) continue;
    data.remove_prefix(2);
    take_until_zero(data);
    take_until_zero(data);
    texts.emplace_back(keyword, std::string(data));
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> read_png_text(const std::filesystem::path& path) {
  return parse_png_text(read_file(path), path.string());
}

}  // namespace cambium::io
