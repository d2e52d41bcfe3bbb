#pragma once
// Videos longer than the model's window, made piece by piece (section 3.2): each window is predicted from the last
// frames so far; and more frames between frames (section 3.2.1). What makes a piece is the caller's: these say which
// pieces, from what, and put them together.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace cambium::video_ldm {

// One window of a long video.
struct Window {
  int64_t index = 1;  // 1, 2, ...: the first frame is piece 0
  int64_t given = 1;  // leading frames of the window that are known, S
  int64_t first = 0;  // where the window begins in the video, in frames
  int64_t fresh = 0;  // frames that it adds behind them; the last window may make more than are kept
};

struct LongVideoOptions {
  int64_t frames = 0;   // of the whole video
  int64_t window = 8;   // T: what the model makes at once
  int64_t context = 2;  // known frames of every window but the first, which has only one: two carry motion

  // UsageError: a window that adds nothing, a video of less than a frame.
  void validate() const;
};

// The windows behind the first frame, in order.
std::vector<Window> plan_windows(const LongVideoOptions& options);

// Makes one window: `known` [b, given, c, h, w] -> [b, T, c, h, w], of which the frames from `given` on are used.
using MakeWindow = std::function<at::Tensor(const Window& window, const at::Tensor& known)>;

// The video behind `frames` [b, n, c, h, w], which are the first frame or what an earlier run has made: whole windows,
// so that a video that was broken off goes on from what was kept. Each window's frames that are new are handed to
// `keep` (it may be empty) as they are made. -> [b, options.frames, c, h, w]. Error where n is no end of a window.
at::Tensor generate_long(const at::Tensor& frames, const LongVideoOptions& options, const MakeWindow& make,
                         const std::function<void(const Window&, const at::Tensor&)>& keep = {});

// Makes the frames between pairs of neighbours: `ends` [b, between + 2, c, h, w] with the two known frames of pair
// `index` at its ends and zeros between -> [b, between + 2, c, h, w].
using MakeBetween = std::function<at::Tensor(int64_t index, const at::Tensor& ends)>;

// `between` new frames between each two neighbours (paper: 3, twice: 8 -> 29 -> 113 frames). keys [b, n, c, h, w] ->
// [b, (n - 1) (between + 1) + 1, c, h, w], the keys unchanged.
at::Tensor interpolate(const at::Tensor& keys, int64_t between, const MakeBetween& make);

// Frames after interpolation of `keys` frames.
int64_t interpolated_length(int64_t keys, int64_t between);

}  // namespace cambium::video_ldm
