#include "models/video_ldm/context.h"

#include "core/error.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <fmt/format.h>

namespace cambium::video_ldm {

at::Tensor leading_mask(int64_t frames, int64_t given) {
  if (given < 0 || given > frames) {
    throw Error({.what = fmt::format("{} frames cannot be given of a video of {}", given, frames),
                 .field = "context",
                 .mend = fmt::format("give 0 to {}", frames)});
  }
  at::Tensor mask = at::zeros({frames});
  mask.narrow(0, 0, given).fill_(1);
  return mask;
}

at::Tensor ends_mask(int64_t frames) {
  if (frames < 2) {
    throw Error({.what = fmt::format("a video of {} frames has not two ends", frames),
                 .field = "frames",
                 .mend = "interpolate 3 or more"});
  }
  at::Tensor mask = leading_mask(frames, 1);
  mask[frames - 1].fill_(1);
  return mask;
}

at::Tensor context_frames(const at::Tensor& latents, const at::Tensor& masks) {
  const at::Tensor given = masks.to(latents.options())
                               .expand({latents.size(0), latents.size(1)})
                               .view({latents.size(0), latents.size(1), 1, 1, 1});
  // Not a product: a frame that is to be made may hold anything, NaN too.
  const at::Tensor known = at::where(given > 0, latents, at::zeros({}, latents.options()));
  return at::cat({known, given.expand({-1, -1, 1, latents.size(3), latents.size(4)})}, 2);
}

at::Tensor leading_context(const at::Tensor& leading, int64_t frames) {
  const at::Tensor mask = leading_mask(frames, leading.size(1));
  const at::Tensor rest =
      at::zeros({leading.size(0), frames - leading.size(1), leading.size(2), leading.size(3), leading.size(4)},
                leading.options());
  return context_frames(at::cat({leading, rest}, 1), mask);
}

at::Tensor no_context(const at::Tensor& latents) {
  return at::zeros({latents.size(0), latents.size(1), latents.size(2) + 1, latents.size(3), latents.size(4)},
                   latents.options());
}

at::Tensor draw_leading_masks(int64_t batch, int64_t frames, int64_t most, Rng& rng) {
  std::vector<at::Tensor> masks;
  for (int64_t i = 0; i < batch; ++i) masks.push_back(leading_mask(frames, rng.below(most + 1)));
  return at::stack(masks);
}

at::Tensor draw_ends_masks(int64_t batch, int64_t frames, double dropped, Rng& rng) {
  std::vector<at::Tensor> masks;
  for (int64_t i = 0; i < batch; ++i)
    masks.push_back(rng.uniform() < dropped ? leading_mask(frames, 0) : ends_mask(frames));
  return at::stack(masks);
}

}  // namespace cambium::video_ldm
