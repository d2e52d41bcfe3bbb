#include "models/video_ldm/temporal_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/frame_attention.h"
#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

constexpr int64_t kVideos = 2, kFrames = 6, kPixels = 5, kHeads = 2, kWidth = 16;

// Each pixel of each video by itself.
at::Tensor one_by_one(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::optional<int64_t> reach) {
  at::Tensor out = at::empty_like(q);
  for (int64_t video = 0; video < kVideos; ++video) {
    for (int64_t pixel = 0; pixel < kPixels; ++pixel) {
      const auto frames = [&](const at::Tensor& t) {
        return t.narrow(0, video * kFrames, kFrames).select(1, pixel).view({1, kFrames, kHeads, -1}).transpose(1, 2);
      };
      out.narrow(0, video * kFrames, kFrames)
          .select(1, pixel)
          .copy_(nn::near_attention(frames(q), frames(k), frames(v), reach)[0]);
    }
  }
  return out;
}

TEST(TemporalAttention, EachPixelAttendsToItselfInOtherFrames) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto part = [&](uint64_t seed) { return gaussian({kVideos * kFrames, kPixels, kWidth}, seed).to(dtype); };
    const at::Tensor q = part(1), k = part(2), v = part(3);
    for (const std::optional<int64_t> reach : {std::optional<int64_t>(), std::optional<int64_t>(1)}) {
      const at::Tensor expected = one_by_one(q, k, v, reach), y = temporal_attention(q, k, v, kFrames, kHeads, reach);
      const double bound = dtype == at::kFloat ? 1e-6 : 1e-2;
      EXPECT_LT((y - expected).abs().max().item<double>(), bound) << dtype;
      const at::Tensor recorded = temporal_attention(q.clone().requires_grad_(), k, v, kFrames, kHeads, reach).detach();
      EXPECT_LT((recorded - expected).abs().max().item<double>(), bound) << dtype;
    }
  }
}

}  // namespace
}  // namespace cambium::video_ldm
