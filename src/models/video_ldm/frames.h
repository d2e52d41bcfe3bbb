#pragma once
// Videos as image layers see them: the frames folded into the batch, frame fastest.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace cambium::video_ldm {

// [b, t, ...] -> [b * t, ...]
at::Tensor fold_frames(const at::Tensor& videos);
// [b * t, ...] -> [b, t, ...]
at::Tensor unfold_frames(const at::Tensor& images, int64_t frames);

// What a video has once, for each of its frames. [b, ...] -> [b * t, ...]
at::Tensor repeat_for_frames(const at::Tensor& per_video, int64_t frames);

// x [b * t, C, h, w] -> [b, C, t, h * w], a view; where x is channels-last, so is the result: a convolution over time
// is one with a kernel of (3, 1) there.
at::Tensor frames_as_rows(const at::Tensor& x, int64_t frames);
// Back. [b, C, t, h * w] -> [b * t, C, h, w]
at::Tensor rows_as_frames(const at::Tensor& x, int64_t height, int64_t width);

}  // namespace cambium::video_ldm
