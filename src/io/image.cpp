#include "io/image.h"

#include <cctype>
#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/image_codecs.h"
#include "io/text.h"

namespace cambium::io {
namespace {

constexpr const char* kReadable = "JPEG, PNG, WebP, GIF and BMP can be read";

bool starts_with(std::string_view bytes, std::string_view magic, size_t offset = 0) {
  return bytes.size() >= offset + magic.size() && bytes.substr(offset, magic.size()) == magic;
}

// What people most often hand over instead, or nullptr.
const char* name_of_foreign_format(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (starts_with(bytes, "II*\0"sv) || starts_with(bytes, "MM\0*"sv)) return "a TIFF picture";
  if (starts_with(bytes, "ftyp", 4)) {
    if (starts_with(bytes, "avi", 8)) return "an AVIF picture";
    if (starts_with(bytes, "hei", 8) || starts_with(bytes, "mif1", 8)) return "a HEIC picture";
    return "an MP4 or QuickTime film";
  }
  if (starts_with(bytes, "\xFF\x0A"sv) || starts_with(bytes, "\0\0\0\x0CJXL "sv)) return "a JPEG XL picture";
  if (starts_with(bytes, "%PDF")) return "a PDF document";
  const std::string_view head = bytes.substr(0, std::min<size_t>(bytes.size(), 512));
  if (head.find("<svg") != head.npos) return "an SVG drawing";
  if (head.find("<html") != head.npos || head.find("<!DOCTYPE html") != head.npos) return "an HTML page";
  return nullptr;
}

}  // namespace

ImageFormat sniff_image(std::string_view bytes) {
  if (starts_with(bytes, "\xFF\xD8\xFF")) return ImageFormat::jpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1A\n")) return ImageFormat::png;
  if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) return ImageFormat::webp;
  if (starts_with(bytes, "GIF87a") || starts_with(bytes, "GIF89a")) return ImageFormat::gif;
  if (starts_with(bytes, "BM")) return ImageFormat::bmp;
  return ImageFormat::unknown;
}

Image decode_image(std::string_view bytes, const std::string& source, const DecodeOptions& options) {
  const codec::Input input{bytes, source, options};
  if (bytes.empty()) codec::fail(input, "the file is empty, expected a picture");
  const auto decode = [&]() -> codec::Decoded {
    switch (sniff_image(bytes)) {
      case ImageFormat::jpeg:
        return codec::decode_jpeg(input);
      case ImageFormat::png:
        return codec::decode_png(input);
      case ImageFormat::webp:
        return codec::decode_webp(input);
      case ImageFormat::gif:
        return codec::decode_gif(input);
      case ImageFormat::bmp:
        return codec::decode_bmp(input);
      case ImageFormat::unknown:
        break;
    }
    if (const char* name = name_of_foreign_format(bytes)) {
      codec::fail(input, std::string("this is ") + name + ", which is not supported", kReadable);
    }
    codec::fail(input, "not a picture, or of an unknown format", kReadable);
  };
  codec::Decoded decoded = decode();
  if (options.apply_orientation) return orient(std::move(decoded.image), decoded.orientation);
  return std::move(decoded.image);
}

Image load_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(read_file(path, size_t{1} << 30), path.string(), options);
}

bool has_image_extension(const std::filesystem::path& path) {
  static constexpr std::string_view kExtensions[] = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png",
                                                     ".webp", ".gif",  ".bmp", ".dib"};
  const std::string extension = lower(path.extension().string());
  return std::find(std::begin(kExtensions), std::end(kExtensions), extension) != std::end(kExtensions);
}

void save_image(const std::filesystem::path& path, const Image& image) {
  const std::string extension = lower(path.extension().string());
  if (extension == ".png") {
    write_file(path, encode_png(image));
  } else if (extension == ".jpg" || extension == ".jpeg") {
    write_file(path, encode_jpeg(image));
  } else if (extension == ".webp") {
    write_file(path, encode_webp(image));
  } else {
    throw UsageError({.what = "pictures are written as .png, .jpg or .webp, not \"" + extension + "\"",
                      .file = path.string(),
                      .mend = "give the file one of these endings"});
  }
}

namespace codec {

Image allocate(const Input& input, int64_t width, int64_t height, int64_t channels) {
  const DecodeOptions& options = input.options;
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width <= 0 || height <= 0) fail(input, "the picture has no pixels (" + size + ")");
  if (width > options.max_side || height > options.max_side) {
    fail(input, size + " is more than the limit of " + std::to_string(options.max_side) + " a side", "scale it down");
  }
  if (height > options.max_pixels / width) {
    fail(input, size + " is more than the limit of " + std::to_string(options.max_pixels) + " pixels in all",
         "scale it down");
  }
  return Image(width, height, channels);
}

void fail(const Input& input, const std::string& what, const std::string& mend) {
  throw Error({.what = what, .file = input.source, .mend = mend});
}

void fail_cut_short(const Input& input, const char* format) {
  fail(input, std::string("the ") + format + " data is cut short");
}

void fail_corrupt(const Input& input, const char* format, const std::string& detail) {
  fail(input, std::string("the ") + format + " data is corrupt (" + detail + ")");
}

int exif_orientation(std::string_view block) {
  using namespace std::string_view_literals;
  if (starts_with(block, "Exif\0\0"sv)) block.remove_prefix(6);
  const bool little = starts_with(block, "II*\0"sv);
  if (!little && !starts_with(block, "MM\0*"sv)) return 1;
  const auto number = [&](size_t offset, int count) -> uint32_t {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const auto byte = static_cast<unsigned char>(block[offset + (little ? count - 1 - i : i)]);
      value = value << 8 | byte;
    }
    return value;
  };
  if (block.size() < 8) return 1;
  const size_t directory = number(4, 4);
  if (directory + 2 > block.size()) return 1;
  const size_t entries = number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > block.size()) return 1;
    if (number(entry, 2) != 0x0112) continue;
    constexpr uint32_t kShort = 3;
    const uint32_t value = number(entry + 8, 2);
    return number(entry + 2, 2) == kShort && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void check_encodable(const Image& image) {
  const bool known = image.channels == 1 || image.channels == 3 || image.channels == 4;
  if (image.width <= 0 || image.height <= 0 || !known ||
      image.pixels.size() != static_cast<size_t>(image.width * image.height * image.channels)) {
    throw Error({.what = "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height) + " x " +
                         std::to_string(image.channels) + " with " + std::to_string(image.pixels.size()) +
                         " bytes cannot be encoded"});
  }
}

}  // namespace codec
}  // namespace cambium::io
