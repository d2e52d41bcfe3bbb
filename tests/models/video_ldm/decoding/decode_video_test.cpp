#include "models/video_ldm/decoding/decode_video.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/video_ldm/decoding/decode_overlap.h"
#include "models/video_ldm/decoding/memory_plan.h"
#include "models/video_ldm/small_temporal_autoencoder.h"

namespace cambium::video_ldm {
namespace {

constexpr int64_t kFrames = 7;

at::Tensor some_latents() { return at::randn({kFrames, 4, 6, 5}); }

struct Decoded {
  DecodeReport report;
  at::Tensor frames;  // [T, 3, H, W]
};

template <class Model>
Decoded decode(const Model& model, const at::Tensor& latents, const BoundedOptions& options) {
  std::vector<at::Tensor> frames;
  Decoded out;
  out.report = decode_video(model, LatentVideo::of(latents), options, [&](int64_t frame, const at::Tensor& image) {
    EXPECT_EQ(frame, static_cast<int64_t>(frames.size()));  // each once, in order
    frames.push_back(image.clone());
  });
  out.frames = at::stack(frames);
  return out;
}

std::vector<PieceCost> costs(const TemporalAutoencoder& model) {
  return piece_costs(*model.decoder(), model.options(), 6, 5, at::kFloat);
}

double error_of_max(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

TEST(DecodeVideo, ExactEqualsUndividedWhateverTheBound) {
  const at::NoGradGuard no_grad;
  const auto model = small_temporal_autoencoder();
  const at::Tensor z = some_latents(), whole = model->decode(z, kFrames);
  const int64_t least = largest_work(costs(*model));
  for (const int64_t memory : {least, 2 * least, 3 * least + 1, 100 * least}) {
    const Decoded exact = decode(*model, z, {.memory_bytes = memory});
    EXPECT_LT(error_of_max(exact.frames, whole), 1e-5) << memory;
    EXPECT_EQ(exact.report.chunks, 1);
  }
}

TEST(DecodeVideo, GoesToDiskOnlyWhereItMust) {
  const at::NoGradGuard no_grad;
  const auto model = small_temporal_autoencoder();
  const int64_t least = largest_work(costs(*model));
  const at::Tensor z = some_latents();
  EXPECT_GT(decode(*model, z, {.memory_bytes = least}).report.spilled_bytes, 0);
  EXPECT_EQ(decode(*model, z, {.memory_bytes = 100 * least}).report.spilled_bytes, 0);
}

TEST(DecodeVideo, OneFrameIsAVideoToo) {
  const at::NoGradGuard no_grad;
  const auto model = small_temporal_autoencoder();
  const at::Tensor z = at::randn({1, 4, 6, 5});
  EXPECT_LT(error_of_max(decode(*model, z, {}).frames, model->decode(z, 1)), 1e-5);
}

TEST(DecodeVideo, OverlapStatesWhatItsSeamsCost) {
  const at::NoGradGuard no_grad;
  const auto model = small_temporal_autoencoder();
  const at::Tensor z = some_latents();
  const auto cost = costs(*model);
  int64_t per_frame = 0;
  for (const PieceCost& piece : cost) per_frame = std::max(per_frame, 2 * piece.kept);
  const int64_t memory = largest_work(cost) + 5 * per_frame + per_frame / 2;  // chunks of about four frames
  const Decoded chunked = decode(*model, z, {.mode = Bounding::overlap, .memory_bytes = memory, .border = 1});
  EXPECT_GT(chunked.report.chunks, 1);
  EXPECT_EQ(chunked.report.spilled_bytes, 0);
  ASSERT_TRUE(chunked.report.seam_largest.has_value());
  EXPECT_GT(*chunked.report.seam_largest, *chunked.report.seam_mean);
  EXPECT_GT(*chunked.report.seam_mean, 0);
  // The statement is of the size of the true error.
  const double error = (chunked.frames - model->decode(z, kFrames)).abs().mean().item<double>();
  EXPECT_LT(error, 3 * *chunked.report.seam_mean);
  EXPECT_GT(error, *chunked.report.seam_mean / 30);
}

TEST(DecodeVideo, OverlapWithRoomForAllIsExact) {
  const at::NoGradGuard no_grad;
  const auto model = small_temporal_autoencoder();
  const at::Tensor z = some_latents();
  const Decoded one = decode(*model, z, {.mode = Bounding::overlap});
  EXPECT_EQ(one.report.chunks, 1);
  EXPECT_FALSE(one.report.seam_mean.has_value());
  EXPECT_LT(error_of_max(one.frames, model->decode(z, kFrames)), 1e-5);
}

TEST(DecodeVideo, ImagesComeOutTheSameInBothModes) {
  const at::NoGradGuard no_grad;
  const auto model = latent_diffusion::small_autoencoder();
  const at::Tensor z = some_latents(), whole = model->decode(z);
  const int64_t least = largest_work(piece_costs(*model->decoder(), model->options(), 6, 5, at::kFloat));
  for (const Bounding mode : {Bounding::exact, Bounding::overlap}) {
    const Decoded images = decode(*model, z, {.mode = mode, .memory_bytes = 2 * least});
    EXPECT_LT(error_of_max(images.frames, whole), 1e-6);
  }
}

TEST(DecodeVideo, SaysWhatABoundIsTooSmallFor) {
  const auto model = small_temporal_autoencoder();
  const at::Tensor z = some_latents();
  const int64_t least = largest_work(costs(*model));
  EXPECT_THROW(decode(*model, z, {.memory_bytes = least - 1}), UsageError);
  EXPECT_THROW(decode(*model, z, {.mode = Bounding::overlap, .memory_bytes = least}), UsageError);
  EXPECT_THROW(decode(*model, z, {.memory_bytes = 0}), UsageError);
  EXPECT_THROW(decode(*model, z, {.border = -1}), UsageError);
  EXPECT_THROW(parse_bounding("tiles"), UsageError);
}

TEST(PlanChunks, KeepsEveryFrameOnceWithBordersBetween) {
  for (const auto& [frames, length, border] :
       {std::tuple{14, 5, 1}, {14, 6, 2}, {7, 7, 3}, {8, 7, 3}, {9, 4, 0}, {1, 5, 2}}) {
    int64_t next = 0;
    for (const Chunk& chunk : plan_chunks(frames, length, border)) {
      EXPECT_EQ(chunk.keep_first, next);
      EXPECT_GT(chunk.keep_end, chunk.keep_first);
      EXPECT_LE(chunk.frames, length);
      EXPECT_GE(chunk.first, 0);
      EXPECT_LE(chunk.first + chunk.frames, frames);
      EXPECT_TRUE(chunk.first == 0 || chunk.keep_first - chunk.first >= border);
      EXPECT_TRUE(chunk.keep_end == frames || chunk.first + chunk.frames - chunk.keep_end >= border);
      next = chunk.keep_end;
    }
    EXPECT_EQ(next, frames);
  }
}

}  // namespace
}  // namespace cambium::video_ldm
