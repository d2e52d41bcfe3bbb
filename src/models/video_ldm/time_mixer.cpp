#include "models/video_ldm/time_mixer.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>

#include "models/video_ldm/frames.h"

namespace cambium::video_ldm {

TimeMixer::TimeMixer(const TemporalOptions& options) : mixing_(options.mixing) {
  mix_factor =
      register_parameter("mix_factor", at::empty({options.mixing == Mixing::per_frame ? options.frames : int64_t{1}}));
}

at::Tensor TimeMixer::alpha(const at::Tensor& image_only, int64_t dims) const {
  at::Tensor share = (mixing_ == Mixing::clamp ? mix_factor.clamp(0, 1) : at::sigmoid(mix_factor)).unsqueeze(0);
  if (image_only.defined()) share = at::where(image_only, at::ones({}, share.options()), share);  // [b, t]
  std::vector<int64_t> shape(static_cast<size_t>(dims), 1);
  shape[0] = share.size(0);
  shape[1] = share.size(1);
  return share.view(shape);
}

at::Tensor TimeMixer::mix(const at::Tensor& image, const at::Tensor& temporal, int64_t frames,
                          const at::Tensor& image_only) const {
  // Exactly `image` where alpha is 1.
  const at::Tensor share = alpha(image_only, image.dim() + 1).to(image.scalar_type());
  return fold_frames(at::lerp(unfold_frames(temporal, frames), unfold_frames(image, frames), share));
}

at::Tensor TimeMixer::add(const at::Tensor& image, const at::Tensor& added, int64_t frames,
                          const at::Tensor& image_only) const {
  const at::Tensor share = (1 - alpha(image_only, image.dim() + 1)).to(image.scalar_type());
  return fold_frames(at::addcmul(unfold_frames(image, frames), unfold_frames(added, frames), share));
}

}  // namespace cambium::video_ldm
