#pragma once
// Given frames of a video as the temporal layers read them (section 3.2, Eq. 3): c_S = (m z, m), m = 1 on given frames.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/random.h"

namespace cambium::video_ldm {

// One video whose first `given` frames are known. -> [frames] float32, 1 on given ones. Error unless 0 <= given <=
// frames.
at::Tensor leading_mask(int64_t frames, int64_t given);
// The first and the last frame are known: interpolation. -> [frames]; Error below 2 frames.
at::Tensor ends_mask(int64_t frames);

// c_S: what the context encoder reads. latents [b, t, c, h, w] clean and scaled, masks [b, t] or [t] of 0 and 1 ->
// [b, t, c + 1, h, w]. Frames that are not given are 0, whatever `latents` holds there.
at::Tensor context_frames(const at::Tensor& latents, const at::Tensor& masks);
// The same of the frames that are known alone. leading [b, S, c, h, w], the first frames of `frames` -> [b, frames, c +
// 1, h, w]
at::Tensor leading_context(const at::Tensor& leading, int64_t frames);
// c_S with nothing given: the branch without context of context guidance. [b, t, c + 1, h, w] zeros like `latents`.
at::Tensor no_context(const at::Tensor& latents);

// Masks of a training batch: of each video 0, 1, ... or `most` leading frames, equally likely (the paper has most = 2
// and does not state the odds: ours). -> [batch, frames]
at::Tensor draw_leading_masks(int64_t batch, int64_t frames, int64_t most, Rng& rng);
// Of a batch for interpolation: both ends given, and with `dropped` odds nothing, for context guidance. -> [batch,
// frames]
at::Tensor draw_ends_masks(int64_t batch, int64_t frames, double dropped, Rng& rng);

}  // namespace cambium::video_ldm
