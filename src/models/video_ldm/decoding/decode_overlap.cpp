#include "models/video_ldm/decoding/decode_overlap.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "models/video_ldm/decoding/decode_exact.h"
#include "models/video_ldm/decoding/memory_plan.h"

namespace cambium::video_ldm {

namespace {

// Bytes of tensors of all frames that live together, a frame.
int64_t kept_together(const std::vector<PieceCost>& costs) {
  int64_t most = 0;
  for (size_t i = 0; i < costs.size(); ++i) {
    const int64_t before = i > 0 ? costs[i - 1].kept : 0;
    most = std::max(most, costs[i].kept + std::max(before, costs[i].kept));
  }
  return most;
}

// What the two versions of frames at seams differ by.
class Seams {
 public:
  // A version of frame `frame`. `shared`: another chunk's version is still to come.
  void see(int64_t frame, const at::Tensor& image, bool shared) {
    if (const auto found = earlier_.find(frame); found != earlier_.end()) {
      const at::Tensor difference = (image - found->second).abs();
      largest_ = std::max(largest_, difference.max().item<double>());
      sum_ += difference.mean().item<double>();
      ++count_;
      earlier_.erase(found);
    }
    if (shared) earlier_.emplace(frame, image);
  }

  void report(DecodeReport& report) const {
    if (count_ == 0) return;
    report.seam_largest = largest_;
    report.seam_mean = sum_ / static_cast<double>(count_);
  }

 private:
  std::map<int64_t, at::Tensor> earlier_;
  double largest_ = 0, sum_ = 0;
  int64_t count_ = 0;
};

}  // namespace

std::vector<Chunk> plan_chunks(int64_t frames, int64_t length, int64_t border) {
  if (length >= frames) return {{.first = 0, .frames = frames, .keep_first = 0, .keep_end = frames}};
  std::vector<Chunk> chunks;
  for (int64_t kept = 0; kept < frames;) {
    // The last chunk begins early enough to have the full length.
    const int64_t first = std::clamp<int64_t>(kept - border, 0, frames - length), end = first + length;
    const int64_t keep_end = end == frames ? frames : end - border;
    chunks.push_back({.first = first, .frames = length, .keep_first = kept, .keep_end = keep_end});
    kept = keep_end;
  }
  return chunks;
}

DecodeReport decode_chunks(const TemporalAutoencoder& autoencoder, const LatentVideo& latents,
                           const BoundedOptions& options, const FrameSink& sink) {
  const auto costs =
      piece_costs(*autoencoder.decoder(), autoencoder.options(), latents.height, latents.width, autoencoder.dtype());
  const int64_t per_frame = kept_together(costs), work = largest_work(costs), least = 2 * options.border + 1;
  const int64_t length = (options.memory_bytes - work) / per_frame;
  if (length < std::min(least, latents.frames))
    throw UsageError({.what = "a chunk of " + std::to_string(least) + " frames needs " +
                              std::to_string(work + least * per_frame) +
                              " bytes beside the weights, and the bound is " + std::to_string(options.memory_bytes),
                      .field = "memory",
                      .mend = "give more, a smaller border, or the exact mode"});
  DecodeReport report;
  Seams seams;
  const auto chunks = plan_chunks(latents.frames, length, options.border);
  report.chunks = static_cast<int64_t>(chunks.size());
  for (const Chunk& chunk : chunks) {
    const LatentVideo part = latents.part(chunk.first, chunk.frames);
    report.spilled_bytes += decode_layers(
        autoencoder, part, options.memory_bytes, options.folder, [&](int64_t index, const at::Tensor& image) {
          const int64_t frame = chunk.first + index;
          const bool at_seam = options.border > 0 && chunk.keep_end < latents.frames &&
                               (frame == chunk.keep_end - 1 || frame == chunk.keep_end);
          seams.see(frame, image, at_seam);
          if (frame >= chunk.keep_first && frame < chunk.keep_end) sink(frame, image);
        });
  }
  seams.report(report);
  return report;
}

}  // namespace cambium::video_ldm
