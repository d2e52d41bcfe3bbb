// Frames of an animated GIF, composed as browsers do: on a transparent canvas, each frame disposed of as it asks.
#include <cstring>

#include "io/animation_frames.h"
#include "io/gif_frames.h"

namespace cambium::io {
namespace {

enum Disposal { kRestoreBackground = 2, kRestorePrevious = 3 };

// A canvas of frames that all reach `width` x `height` at most; the first pass over the file, without pixels.
AnimationInfo scan(const codec::Input& input) {
  codec::GifFrames frames(input);
  AnimationInfo info{.width = frames.width(), .height = frames.height()};
  while (const auto header = frames.skip()) {
    info.times.push_back(info.seconds);
    info.seconds += header->seconds;
  }
  if (info.times.empty()) codec::fail_corrupt(input, "GIF", "it holds no frame");
  info.loops = frames.loops();
  return info;
}

struct GifAnimation : AnimationReader::Frames {
  GifAnimation(std::string data, std::string name, const AnimationOptions& options)
      : Frames(std::move(data), std::move(name), options), file(input()), frames(file) {
    info = scan(file);
    shown = codec::allocate(file, info.width, info.height, 4);
  }

  Image canvas() override {
    dispose();
    last = frames.next();
    if (!last) codec::fail_cut_short(file, "GIF");
    if (last->disposal == kRestorePrevious) before = shown;
    last->paint(shown, /*all=*/false);
    return shown;
  }

  // What the last frame leaves behind.
  void dispose() {
    if (!last) return;
    if (last->disposal == kRestorePrevious) shown = before;
    if (last->disposal != kRestoreBackground) return;
    const int64_t end_x = std::min(last->right(), shown.width), end_y = std::min(last->bottom(), shown.height);
    for (int64_t y = last->top; y < end_y && last->left < end_x; ++y) {
      std::memset(shown.row(y) + 4 * last->left, 0, static_cast<size_t>(4 * (end_x - last->left)));
    }
  }

  codec::Input file;
  codec::GifFrames frames;
  std::optional<codec::GifFrame> last;
  Image shown, before;  // RGBA
};

}  // namespace

std::unique_ptr<AnimationReader::Frames> open_gif_frames(std::string bytes, std::string source,
                                                         const AnimationOptions& options) {
  return std::make_unique<GifAnimation>(std::move(bytes), std::move(source), options);
}

}  // namespace cambium::io
