#pragma once
// A convolution over time of frames that come a few at a time.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "models/video_ldm/temporal_convolution.h"

namespace cambium::video_ldm {

// Frames first .. first + count - 1 as the convolution is to see them. -> [count, in, h, w]
using ReadFrames = std::function<at::Tensor(int64_t first, int64_t count)>;
// The convolved frames from `first` on. x [count, out, h, w]
using TakeFrames = std::function<void(int64_t first, const at::Tensor& x)>;

// convolution.forward over a video of `frames` frames, `at_once` of them at a time: each is read once, in order, and
// handed on in order.
void convolve_sliding(const TemporalConvolution& convolution, int64_t frames, int64_t at_once, const ReadFrames& read,
                      const TakeFrames& take);

}  // namespace cambium::video_ldm
