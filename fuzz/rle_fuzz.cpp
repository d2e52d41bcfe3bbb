#include <cstdlib>

#include "core/error.h"
#include "io/rle.h"

// The first two bytes are the mask's sides, the rest COCO's string. What is read must come back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cambium;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes + 2), size - 2);
  try {
    const io::Rle rle = io::from_coco_string(text, bytes[0], bytes[1]);
    if (io::from_coco_string(io::to_coco_string(rle), rle.height, rle.width) != rle) std::abort();
    if (io::encode_rle(io::decode_rle(rle)).height != rle.height || io::rle_area(rle) > rle.height * rle.width) {
      std::abort();
    }
    const io::PixelBox box = io::rle_bounds(rle);
    if (box.right >= rle.width || box.bottom >= rle.height) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
