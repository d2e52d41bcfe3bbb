#include "models/video_ldm/decoding/memory_plan.h"

#include <algorithm>

namespace cambium::video_ldm {

std::vector<PieceCost> piece_costs(const latent_diffusion::Decoder& decoder,
                                   const latent_diffusion::AutoencoderOptions& options, int64_t height, int64_t width,
                                   c10::ScalarType dtype) {
  const auto bytes = static_cast<int64_t>(c10::elementSize(dtype));
  std::vector<PieceCost> costs;
  int64_t in = options.latent_channels;
  for (const auto& piece : decoder.pieces()) {
    const int64_t pixels = piece.scale * piece.scale * height * width * bytes;
    // A residual block holds its input, the normed input, SiLU of that and a convolution's output; behind it the
    // temporal layer holds three normed frames, its input and its output.
    const int64_t spatial = 4 * std::max(in, piece.channels) * pixels, temporal = 5 * piece.channels * pixels;
    costs.push_back({.kept = piece.channels * pixels, .work = std::max(spatial, temporal)});
    in = piece.channels;
  }
  const int64_t pixels = options.factor() * options.factor() * height * width * bytes;
  costs.push_back({.kept = options.image_channels * pixels, .work = (3 * in + 2 * options.image_channels) * pixels});
  return costs;
}

int64_t largest_work(const std::vector<PieceCost>& costs) {
  int64_t most = 0;
  for (const PieceCost& cost : costs) most = std::max(most, cost.work);
  return most;
}

int64_t MemoryLedger::frames_at_once(int64_t work, int64_t most) const {
  return std::clamp<int64_t>((bound_ - taken_) / std::max<int64_t>(work, 1), 1, most);
}

}  // namespace cambium::video_ldm
