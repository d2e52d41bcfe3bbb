#include "data/clips/clip.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "core/error.h"
#include "io/image_tensor.h"
#include "io/resize.h"

namespace cambium::data {

void ClipOptions::validate() const {
  if (frames < 1) throw UsageError({.what = "must be at least 1", .field = "frames", .mend = "8 is usual"});
  if ((width < 1 || height < 1) && !(width == 0 && height == 0))
    throw UsageError({.what = "must be at least 1 pixel a side", .field = "size", .mend = "give width and height"});
  if (!(fps >= 0) || !std::isfinite(fps))
    throw UsageError({.what = "must not be negative", .field = "fps", .mend = "0 keeps each film's own rate"});
}

io::Image cover(const io::Image& image, int64_t width, int64_t height) {
  // The side that would fall short decides the scale.
  const double scale = std::max(static_cast<double>(width) / static_cast<double>(image.width),
                                static_cast<double>(height) / static_cast<double>(image.height));
  const auto scaled = [scale](int64_t side, int64_t least) {
    return std::max<int64_t>(std::llround(static_cast<double>(side) * scale), least);
  };
  const int64_t wide = scaled(image.width, width), high = scaled(image.height, height);
  const bool same = wide == image.width && high == image.height;
  const io::Image resized = same ? image : io::resize(image, wide, high, io::Filter::bilinear);
  return io::center_crop(resized, width, height);
}

Clip clip_at(const ClipList& list, int64_t index, int64_t start, const ClipOptions& options) {
  options.validate();
  const ClipList::Entry& entry = list.entries().at(static_cast<size_t>(index));
  const int64_t last = last_start(entry.timeline, options.frames, options.fps);
  if (start < 0 || start > last) {
    throw Error({.what = "has " + std::to_string(entry.timeline.frames) + " frames, too few for a clip of " +
                         std::to_string(options.frames) + " from frame " + std::to_string(start) + " on",
                 .file = entry.path.string(),
                 .mend = "ask for fewer frames"});
  }
  const double fps = options.fps > 0 ? options.fps : entry.timeline.fps;
  const double stride = entry.timeline.fps / fps;
  std::vector<int64_t> places;
  for (int64_t k = 0; k < options.frames; ++k)
    places.push_back(
        static_cast<int64_t>(std::nearbyint(static_cast<double>(start) + static_cast<double>(k) * stride)));
  const std::vector<io::Image> images = read_frames(entry.path, entry.timeline, places, [&](const io::Image& image) {
    return options.width == 0 ? image : cover(image, options.width, options.height);
  });
  const int64_t width = images[0].width, height = images[0].height;
  at::Tensor frames = at::empty({options.frames, 3, height, width}, at::kByte);
  for (size_t k = 0; k < images.size(); ++k) {
    if (images[k].width != width || images[k].height != height)
      throw Error({.what = "has frames of different sizes", .file = entry.path.string(), .mend = "give a size"});
    io::copy_planar(images[k], frames.mutable_data_ptr<uint8_t>() + static_cast<int64_t>(k) * 3 * height * width);
  }
  return {.index = index,
          .name = entry.key,
          .frames = frames,
          .start = start,
          .fps = fps,
          .captions = entry.captions,
          .extra = entry.extra};
}

Clip draw_clip(const ClipList& list, int64_t index, const ClipOptions& options, Rng& rng) {
  const auto& timeline = list.entries().at(static_cast<size_t>(index)).timeline;
  const int64_t last = std::max<int64_t>(last_start(timeline, options.frames, options.fps), 0);
  return clip_at(list, index, rng.below(last + 1), options);
}

Clip middle_clip(const ClipList& list, int64_t index, const ClipOptions& options) {
  const auto& timeline = list.entries().at(static_cast<size_t>(index)).timeline;
  return clip_at(list, index, std::max<int64_t>(last_start(timeline, options.frames, options.fps), 0) / 2, options);
}

at::Tensor stack_clips(std::span<const Clip> clips) {
  if (clips.empty()) throw Error({.what = "no clips to stack"});
  std::vector<at::Tensor> frames;
  for (const Clip& clip : clips) {
    if (!clip.frames.sizes().equals(clips.front().frames.sizes()))
      throw Error({.what = "clips of different sizes cannot be one batch", .file = clip.name});
    frames.push_back(clip.frames);
  }
  return at::stack(frames);  // [B, T, 3, H, W]
}

at::Tensor to_signed_unit(const at::Tensor& bytes) { return bytes.to(at::kFloat).div_(127.5).sub_(1); }

}  // namespace cambium::data
