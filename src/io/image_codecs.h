#pragma once
// Private to io/image*: one pair of functions per codec, and what they share.
#include "io/image.h"

namespace cambium::io::codec {

// Bytes being decoded, and how errors name them.
struct Input {
  std::string_view bytes;
  const std::string& source;
  const DecodeOptions& options;
};

struct Decoded {
  Image image;
  int orientation = 1;  // EXIF's, 1 to 8; looked for only with options.apply_orientation
};

Decoded decode_jpeg(const Input& input);
Decoded decode_png(const Input& input);
Decoded decode_webp(const Input& input);
Decoded decode_gif(const Input& input);
Decoded decode_bmp(const Input& input);

// An image of that size, all zero, or an Error if the options' limits forbid it.
Image allocate(const Input& input, int64_t width, int64_t height, int64_t channels);

[[noreturn]] void fail(const Input& input, const std::string& what, const std::string& mend = "");
// "the PNG data is cut short".
[[noreturn]] void fail_cut_short(const Input& input, const char* format);
// "the PNG data is corrupt (bad adaptive filter value)".
[[noreturn]] void fail_corrupt(const Input& input, const char* format, const std::string& detail);

// The Orientation tag (0x0112) of the first directory of an EXIF block, with or without its "Exif\0\0" prefix; 1 if
// there is none or the block is damaged.
int exif_orientation(std::string_view block);

// Throws if encoders cannot take the image: no pixels, or pixels that do not fit its sides.
void check_encodable(const Image& image);

}  // namespace cambium::io::codec
