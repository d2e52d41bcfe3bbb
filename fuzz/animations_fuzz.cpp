// Any bytes are a film (animated WebP or GIF), or one Error: every frame is RGB of the canvas's size, and times rise.
#include <cstdlib>

#include "core/error.h"
#include "io/animation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cambium;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  constexpr int kFrames = 50;  // enough to reach every disposal; the fuzzer is to be fast
  try {
    io::AnimationReader reader(bytes, "fuzz", {.decode = {.max_side = 200, .max_pixels = 1 << 14}});
    double last = 0;
    for (int i = 0; i < kFrames; ++i) {
      const auto frame = reader.next();
      if (!frame) break;
      const bool fits = frame->image.width == reader.info().width && frame->image.height == reader.info().height;
      if (!fits || frame->image.channels != 3 || frame->time < last) std::abort();
      last = frame->time;
    }
  } catch (const Error& error) {
    if (error.info().file != "fuzz") std::abort();
  }
  return 0;
}
