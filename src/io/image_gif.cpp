// The first frame of a GIF, on its canvas as Pillow paints it.
#include <cstring>

#include "io/gif_frames.h"

namespace cambium::io::codec {
namespace {

void fill(Image& image, const std::array<uint8_t, 4>& colour) {
  for (int64_t i = 0; i < image.width * image.height; ++i) {
    std::memcpy(image.pixels.data() + i * image.channels, colour.data(), image.channels);
  }
}

}  // namespace

Decoded decode_gif(const Input& input) {
  GifFrames frames(input);
  const auto frame = frames.next();
  if (!frame) fail_corrupt(input, "GIF", "it holds no frame");
  // A frame that reaches beyond the screen makes it larger.
  const int64_t width = std::max(frames.width(), frame->right()), height = std::max(frames.height(), frame->bottom());
  const bool alpha = frame->transparent >= 0;
  Image image = allocate(input, width, height, alpha ? 4 : 3);
  const bool covered = frame->left == 0 && frame->top == 0 && frame->right() == width && frame->bottom() == height;
  if (!covered) fill(image, frame->palette[alpha ? frame->transparent : 0]);
  frame->paint(image, /*all=*/true);
  return {std::move(image)};
}

}  // namespace cambium::io::codec
