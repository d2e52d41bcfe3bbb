#include "models/video_ldm/decoding/sliding_convolution.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "models/video_ldm/frames.h"

namespace cambium::video_ldm {

void convolve_sliding(const TemporalConvolution& convolution, int64_t frames, int64_t at_once, const ReadFrames& read,
                      const TakeFrames& take) {
  // The frames one before to one behind those that are convolved; 0 outside the video.
  at::Tensor window;  // [at_once + 2, in, h, w]
  for (int64_t first = 0; first < frames; first += at_once) {
    const int64_t count = std::min(at_once, frames - first), ahead = std::min(count, frames - first - 1);
    if (first == 0) {
      const at::Tensor start = read(0, 1);
      window = at::empty({at_once + 2, start.size(1), start.size(2), start.size(3)}, start.options(),
                         at::MemoryFormat::ChannelsLast);
      window[0].zero_();
      window[1].copy_(start[0]);
    }
    if (ahead > 0) window.narrow(0, 2, ahead).copy_(read(first + 1, ahead));
    if (ahead < count) window.narrow(0, 2 + ahead, count - ahead).zero_();
    const at::Tensor out = convolution.forward_inner(frames_as_rows(window.narrow(0, 0, count + 2), count + 2));
    take(first, rows_as_frames(out, window.size(2), window.size(3)));
    // Frame by frame: the two places overlap where one frame is convolved at a time.
    for (int64_t i = 0; i < 2; ++i) window[i].copy_(window[count + i]);
  }
}

}  // namespace cambium::video_ldm
