#pragma once
// Pictures as 8-bit pixels: decode (JPEG, PNG, WebP, GIF's first frame, BMP) and encode (PNG, JPEG, WebP).
// Decoded pixels equal Pillow's, which published pipelines read their data with; colour profiles are ignored, as there.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::io {

// Interleaved rows from the top, without padding: pixels[(y * width + x) * channels + c].
// channels: 1 grey, 3 RGB, 4 RGBA (alpha not premultiplied).
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 0;
  std::vector<uint8_t> pixels;  // [height, width, channels]

  Image() = default;
  // All zero.
  Image(int64_t width, int64_t height, int64_t channels)
      : width(width), height(height), channels(channels), pixels(static_cast<size_t>(width * height * channels)) {}

  bool empty() const { return pixels.empty(); }
  uint8_t* row(int64_t y) { return pixels.data() + y * width * channels; }
  const uint8_t* row(int64_t y) const { return pixels.data() + y * width * channels; }
};

enum class ImageFormat { unknown, jpeg, png, webp, gif, bmp };

// By the first bytes, never by the file's name.
ImageFormat sniff_image(std::string_view bytes);

struct DecodeOptions {
  // Turn the picture as its EXIF orientation says. Off: training data, since Pillow's convert("RGB") does not turn it.
  bool apply_orientation = false;
  // A PNG's palette indices as one channel, instead of its colours: label maps.
  bool keep_palette = false;
  // Checked before anything is allocated. The default budget is where Pillow speaks of a decompression bomb.
  int64_t max_side = 20'000;
  int64_t max_pixels = 178'956'970;
};

// `source` names the bytes in errors (a path, or shard and member). The channels are the file's: grey stays 1, alpha
// stays; grey with alpha becomes RGBA, 16 bits keep their high byte, CMYK becomes RGB.
// Errors, one sentence each: empty, not a picture, a format that is not read, cut short, corrupt, too large.
Image decode_image(std::string_view bytes, const std::string& source, const DecodeOptions& options = {});

// A file as a user gives it: turned as its EXIF orientation says unless asked otherwise.
Image load_image(const std::filesystem::path& path, const DecodeOptions& options = {.apply_orientation = true});

// Endings that load_image can be expected to read, for walking a folder (".jpg", ".png", ...); case is ignored.
bool has_image_extension(const std::filesystem::path& path);

// [H, W, 3]. Alpha is dropped without compositing and grey repeated, as Pillow's convert("RGB") does.
Image to_rgb(Image image);
// [H, W, 3] over a colour: drop alpha by compositing, for pictures with a transparent ground.
Image flatten(Image image, std::array<uint8_t, 3> background = {255, 255, 255});
// [H, W, 1] luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, as Pillow's convert("L").
Image to_grey(Image image);
// The part [top, top + height) x [left, left + width), which must lie inside.
Image crop(const Image& image, int64_t left, int64_t top, int64_t width, int64_t height);
// 1 to 8, as in EXIF: 1 leaves the picture, 6 turns it 90 degrees clockwise, and so on.
Image orient(Image image, int orientation);

struct PngOptions {
  int level = 6;                                               // zlib, 0 to 9
  std::vector<std::pair<std::string, std::string>> text = {};  // keyword (1-79 Latin-1 characters), text (UTF-8)
};
std::string encode_png(const Image& image, const PngOptions& options = {});
// Quality 1 to 100; chroma at half resolution below 90, as is usual. Grey or RGB; alpha is dropped.
std::string encode_jpeg(const Image& image, int quality = 90);
// Quality 0 to 100, or lossless.
struct WebpOptions {
  float quality = 85;
  bool lossless = false;
};
std::string encode_webp(const Image& image, const WebpOptions& options = {});

// By the ending of `path` (.png, .jpg, .jpeg, .webp); the file appears whole or not at all.
void save_image(const std::filesystem::path& path, const Image& image);

}  // namespace cambium::io
