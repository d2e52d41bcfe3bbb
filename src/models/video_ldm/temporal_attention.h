#pragma once
// Attention from frame to frame, each pixel for itself.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace cambium::video_ldm {

// q, k, v [b * t, n, C] as the projections leave them, frames of a video one behind the other -> [b * t, n, C]. No copy
// is made where no gradients are recorded: each pixel's frames are read where they lie. `reach`: frame i sees frames
// i - reach .. i + reach.
at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t frames,
                              int64_t heads, std::optional<int64_t> reach = std::nullopt);

}  // namespace cambium::video_ldm
