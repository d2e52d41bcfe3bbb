#pragma once
// Private to io/animation*.cpp: one reader a format.
#include "io/animation.h"
#include "io/image_codecs.h"

namespace cambium::io {

struct AnimationReader::Frames {
  Frames(std::string bytes, std::string source, const AnimationOptions& options)
      : bytes(std::move(bytes)), source(std::move(source)), options(options) {}
  virtual ~Frames() = default;
  // The next canvas, RGB or RGBA; empty at the end.
  virtual Image canvas() = 0;

  codec::Input input() const { return {bytes, source, options.decode}; }

  std::string bytes, source;
  AnimationOptions options;
  AnimationInfo info;
  size_t position = 0;  // of the next frame
};

std::unique_ptr<AnimationReader::Frames> open_webp_frames(std::string bytes, std::string source,
                                                          const AnimationOptions& options);
std::unique_ptr<AnimationReader::Frames> open_gif_frames(std::string bytes, std::string source,
                                                         const AnimationOptions& options);

}  // namespace cambium::io
