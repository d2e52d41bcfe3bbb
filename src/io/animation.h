#pragma once
// Animated pictures, WebP (libwebpdemux, libwebpmux) and GIF (giflib): what FFmpeg reads badly or not at all.
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/video.h"

namespace cambium::io {

struct AnimationInfo {
  int64_t width = 0, height = 0;  // of the canvas, in pixels
  int64_t loops = 0;              // how often it is shown; 0: without end
  std::vector<double> times;      // when each frame begins, in seconds from the start
  double seconds = 0;             // when the last one ends
};

struct AnimationOptions {
  std::array<uint8_t, 3> background = {255, 255, 255};  // RGB under transparent parts
  DecodeOptions decode = {};                            // limits; orientation and palette play no part
};

// Reads an animated WebP or GIF frame by frame, each as a browser shows it; a still WebP is a film of one frame.
// Errors, one sentence each: no animation, cut short, corrupt, too large.
class AnimationReader {
 public:
  // `source` names the bytes in errors.
  AnimationReader(std::string bytes, std::string source, const AnimationOptions& options = {});
  explicit AnimationReader(const std::filesystem::path& path, const AnimationOptions& options = {});
  ~AnimationReader();
  AnimationReader(AnimationReader&&) noexcept;

  const AnimationInfo& info() const;
  // The next frame, RGB on the background; none at the end.
  std::optional<VideoFrame> next();

  // What each format does; private to io/animation*.cpp.
  struct Frames;

 private:
  std::unique_ptr<Frames> frames_;
};

// Whether the bytes are of a format that AnimationReader reads (".gif", ".webp").
bool has_animation_extension(const std::filesystem::path& path);

struct AnimatedWebpOptions {
  float quality = 90;  // 0 to 100; of no account where lossless
  bool lossless = false;
  int64_t loops = 0;  // 0: without end
};

// Encodes a film as an animated WebP; only the encoded bytes are kept. A frame that equals the one before it is not
// written: the other is shown for longer.
class AnimatedWebpEncoder {
 public:
  AnimatedWebpEncoder(int64_t width, int64_t height, const AnimatedWebpOptions& options = {});
  ~AnimatedWebpEncoder();
  AnimatedWebpEncoder(AnimatedWebpEncoder&&) noexcept;

  // RGB of that size; `time` in seconds, rising. The format keeps milliseconds.
  void add(const Image& image, double time);
  // The file; `end` is when the last frame ends.
  std::string finish(double end);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A film as an animated GIF, whose frames are RGB and of one size; `end` is when the last one ends, in seconds, and
// `loops` how often it is shown, 0 for without end. One palette serves all frames. The format keeps hundredths of a
// second, 2 at least.
std::string encode_animated_gif(std::span<const VideoFrame> frames, double end, int64_t loops = 0);

}  // namespace cambium::io
