// Channels, parts and turns of an image: no codec in here.
#include <cstring>

#include "core/error.h"
#include "io/image.h"

namespace cambium::io {

Image to_rgb(Image image) {
  if (image.channels == 3) return image;
  Image rgb(image.width, image.height, 3);
  const uint8_t* in = image.pixels.data();
  uint8_t* out = rgb.pixels.data();
  const int64_t count = image.width * image.height;
  if (image.channels == 1) {
    for (int64_t i = 0; i < count; ++i, out += 3) out[0] = out[1] = out[2] = in[i];
  } else {
    for (int64_t i = 0; i < count; ++i, in += 4, out += 3) {
      out[0] = in[0];
      out[1] = in[1];
      out[2] = in[2];
    }
  }
  return rgb;
}

Image flatten(Image image, std::array<uint8_t, 3> background) {
  if (image.channels != 4) return to_rgb(std::move(image));
  Image rgb(image.width, image.height, 3);
  const uint8_t* in = image.pixels.data();
  uint8_t* out = rgb.pixels.data();
  const int64_t count = image.width * image.height;
  for (int64_t i = 0; i < count; ++i, in += 4, out += 3) {
    const int alpha = in[3];
    for (int c = 0; c < 3; ++c) {
      // One rounding for the sum, so that equal colours stay what they are.
      const int t = in[c] * alpha + background[c] * (255 - alpha) + 128;
      out[c] = static_cast<uint8_t>(((t >> 8) + t) >> 8);
    }
  }
  return rgb;
}

Image to_grey(Image image) {
  if (image.channels == 1) return image;
  Image grey(image.width, image.height, 1);
  const uint8_t* in = image.pixels.data();
  const int64_t count = image.width * image.height;
  for (int64_t i = 0; i < count; ++i, in += image.channels) {
    grey.pixels[i] = static_cast<uint8_t>((in[0] * 19595 + in[1] * 38470 + in[2] * 7471 + 0x8000) >> 16);
  }
  return grey;
}

Image crop(const Image& image, int64_t left, int64_t top, int64_t width, int64_t height) {
  if (left < 0 || top < 0 || width <= 0 || height <= 0 || left > image.width - width || top > image.height - height) {
    throw Error({.what = "the part " + std::to_string(width) + " x " + std::to_string(height) + " at " +
                         std::to_string(left) + "," + std::to_string(top) + " does not lie inside a picture of " +
                         std::to_string(image.width) + " x " + std::to_string(image.height)});
  }
  Image part(width, height, image.channels);
  for (int64_t y = 0; y < height; ++y) {
    std::memcpy(part.row(y), image.row(top + y) + left * image.channels, width * image.channels);
  }
  return part;
}

Image orient(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  // Output pixel (x, y) comes from (x, y) with the axes swapped for 5 to 8, then mirrored.
  const bool swap = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image turned(swap ? image.height : image.width, swap ? image.width : image.height, image.channels);
  uint8_t* out = turned.pixels.data();
  for (int64_t y = 0; y < turned.height; ++y) {
    for (int64_t x = 0; x < turned.width; ++x, out += image.channels) {
      int64_t source_x = swap ? y : x, source_y = swap ? x : y;
      if (mirror_x) source_x = image.width - 1 - source_x;
      if (mirror_y) source_y = image.height - 1 - source_y;
      std::memcpy(out, image.row(source_y) + source_x * image.channels, image.channels);
    }
  }
  return turned;
}

}  // namespace cambium::io
