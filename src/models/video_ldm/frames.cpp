#include "models/video_ldm/frames.h"

namespace cambium::video_ldm {

at::Tensor fold_frames(const at::Tensor& videos) { return videos.flatten(0, 1); }

at::Tensor unfold_frames(const at::Tensor& images, int64_t frames) { return images.unflatten(0, {-1, frames}); }

at::Tensor repeat_for_frames(const at::Tensor& per_video, int64_t frames) {
  return per_video.repeat_interleave(frames, 0);
}

at::Tensor frames_as_rows(const at::Tensor& x, int64_t frames) {
  return unfold_frames(x, frames).flatten(3).transpose(1, 2);
}

at::Tensor rows_as_frames(const at::Tensor& x, int64_t height, int64_t width) {
  return fold_frames(x.transpose(1, 2)).unflatten(2, {height, width});
}

}  // namespace cambium::video_ldm
