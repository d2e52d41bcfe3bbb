#include "io/animation.h"

#include "core/atomic_file.h"
#include "io/animation_frames.h"

namespace cambium::io {
namespace {

constexpr size_t kAnimationLimit = size_t{1} << 30;

std::unique_ptr<AnimationReader::Frames> open_frames(std::string bytes, std::string source,
                                                     const AnimationOptions& options) {
  switch (sniff_image(bytes)) {
    case ImageFormat::webp:
      return open_webp_frames(std::move(bytes), std::move(source), options);
    case ImageFormat::gif:
      return open_gif_frames(std::move(bytes), std::move(source), options);
    default:
      codec::fail({bytes, source, options.decode}, "is no animation", "animated WebP and GIF can be read");
  }
}

}  // namespace

bool has_animation_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == ".gif" || extension == ".webp";
}

AnimationReader::AnimationReader(std::string bytes, std::string source, const AnimationOptions& options)
    : frames_(open_frames(std::move(bytes), std::move(source), options)) {}

AnimationReader::AnimationReader(const std::filesystem::path& path, const AnimationOptions& options)
    : AnimationReader(read_file(path, kAnimationLimit), path.string(), options) {}

AnimationReader::~AnimationReader() = default;
AnimationReader::AnimationReader(AnimationReader&&) noexcept = default;

const AnimationInfo& AnimationReader::info() const { return frames_->info; }

std::optional<VideoFrame> AnimationReader::next() {
  if (frames_->position == frames_->info.times.size()) return std::nullopt;
  const double time = frames_->info.times[frames_->position];
  Image canvas = frames_->canvas();
  ++frames_->position;
  return VideoFrame{flatten(std::move(canvas), frames_->options.background), time};
}

}  // namespace cambium::io
