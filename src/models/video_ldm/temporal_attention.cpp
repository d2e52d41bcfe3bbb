#include "models/video_ldm/temporal_attention.h"

#include <ATen/ops/empty.h>

#include "models/video_ldm/frames.h"
#include "nn/frame_attention.h"
#include "nn/gradient_recorded.h"

namespace cambium::video_ldm {

namespace {

// x [b * t, n, C] -> [b, n, heads, t, D], a view.
at::Tensor by_pixel(const at::Tensor& x, int64_t frames, int64_t heads) {
  return unfold_frames(x, frames).unflatten(3, {heads, -1}).permute({0, 2, 3, 1, 4});
}

}  // namespace

at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t frames,
                              int64_t heads, std::optional<int64_t> reach) {
  const at::Tensor queries = by_pixel(q, frames, heads), keys = by_pixel(k, frames, heads),
                   values = by_pixel(v, frames, heads);
  if (nn::gradient_recorded(q, k, v)) {
    const at::Tensor y = nn::near_attention(queries.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1), reach);
    return y.unflatten(0, {-1, q.size(1)}).transpose(1, 2).flatten(0, 1);  // [b, n, t, C] -> [b * t, n, C]
  }
  // Pixels of several videos have no common stride: one call a video.
  const at::Tensor out = at::empty(q.sizes(), q.options()), by_video = unfold_frames(out, frames);  // [b, t, n, C]
  for (int64_t i = 0; i < by_video.size(0); ++i)
    nn::near_attention_into(by_video[i].transpose(0, 1), queries[i], keys[i], values[i], reach);
  return out;
}

}  // namespace cambium::video_ldm
