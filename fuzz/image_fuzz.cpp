// Any bytes are a picture, or one Error; the texts of a PNG likewise. What decodes is then resized, so that odd sizes
// reach the resampler too.
#include <cstdlib>

#include "core/error.h"
#include "io/png_text.h"
#include "io/resize.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cambium;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Small limits keep the fuzzer fast; they are the same code as the large ones.
  const io::DecodeOptions options{.apply_orientation = true, .max_side = 600, .max_pixels = 1 << 16};
  try {
    io::parse_png_text(bytes, "fuzz");
  } catch (const Error& error) {
    if (error.info().file != "fuzz") std::abort();
  }
  try {
    const io::Image image = io::decode_image(bytes, "fuzz", options);
    if (image.width <= 0 || image.height <= 0 || image.width > 600 || image.height > 600) std::abort();
    if (static_cast<int64_t>(image.pixels.size()) != image.width * image.height * image.channels) std::abort();
    const io::Image small = io::resize(image, 1 + size % 40, 1 + size % 33, io::Filter::bicubic);
    io::flatten(io::center_crop(small, 24, 24));
  } catch (const Error& error) {
    if (error.info().file != "fuzz") std::abort();
  }
  return 0;
}
