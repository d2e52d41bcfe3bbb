#include "models/video_ldm/long_generation.h"

#include "core/error.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <fmt/format.h>

#include <algorithm>

namespace cambium::video_ldm {

void LongVideoOptions::validate() const {
  if (frames < 1) {
    throw UsageError(
        {.what = fmt::format("a video cannot have {} frames", frames), .field = "frames", .mend = "give 1 or more"});
  }
  if (context < 1 || window <= context) {
    throw UsageError({.what = fmt::format("windows of {} frames from {} known ones add nothing", window, context),
                      .field = "context",
                      .mend = fmt::format("give 1 to {}", std::max<int64_t>(1, window - 1))});
  }
}

std::vector<Window> plan_windows(const LongVideoOptions& options) {
  options.validate();
  std::vector<Window> windows;
  for (int64_t made = 1; made < options.frames;) {
    const int64_t given = std::min(made, options.context);
    const int64_t fresh = std::min(options.window - given, options.frames - made);
    windows.push_back(
        {.index = static_cast<int64_t>(windows.size()) + 1, .given = given, .first = made - given, .fresh = fresh});
    made += fresh;
  }
  return windows;
}

at::Tensor generate_long(const at::Tensor& frames, const LongVideoOptions& options, const MakeWindow& make,
                         const std::function<void(const Window&, const at::Tensor&)>& keep) {
  int64_t made = 1;
  at::Tensor video = frames;
  for (const Window& window : plan_windows(options)) {
    made += window.fresh;
    if (made <= video.size(1)) continue;  // made by an earlier run
    if (window.first + window.given != video.size(1)) {
      throw Error({.what = fmt::format("{} frames are no whole windows", video.size(1)),
                   .field = "frames",
                   .mend = fmt::format("go on from {}", window.first + window.given)});
    }
    const at::Tensor fresh =
        make(window, video.narrow(1, window.first, window.given)).narrow(1, window.given, window.fresh);
    if (keep) keep(window, fresh);
    video = at::cat({video, fresh}, 1);
  }
  return video.narrow(1, 0, options.frames);
}

at::Tensor interpolate(const at::Tensor& keys, int64_t between, const MakeBetween& make) {
  if (keys.size(1) < 2 || between < 1) {
    throw Error({.what = fmt::format("there is nothing between {} frames to fill with {}", keys.size(1), between),
                 .field = "frames",
                 .mend = "give 2 frames or more, and 1 or more between"});
  }
  std::vector<at::Tensor> pieces;
  for (int64_t i = 0; i + 1 < keys.size(1); ++i) {
    const at::Tensor first = keys.narrow(1, i, 1), last = keys.narrow(1, i + 1, 1);
    const at::Tensor gap = at::zeros({keys.size(0), between, keys.size(2), keys.size(3), keys.size(4)}, keys.options());
    pieces.push_back(first);
    pieces.push_back(make(i, at::cat({first, gap, last}, 1)).narrow(1, 1, between));
  }
  pieces.push_back(keys.narrow(1, keys.size(1) - 1, 1));
  return at::cat(pieces, 1);
}

int64_t interpolated_length(int64_t keys, int64_t between) { return (keys - 1) * (between + 1) + 1; }

}  // namespace cambium::video_ldm
