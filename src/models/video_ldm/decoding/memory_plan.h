#pragma once
// How much memory the pieces of a decoder take, and what follows for a bound: how many frames at a time, and which
// tensors go to disk. Bytes of activations; weights are not counted.
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <vector>

#include "models/latent_diffusion/autoencoder.h"

namespace cambium::video_ldm {

// Of one piece, for one frame.
struct PieceCost {
  int64_t kept = 0;  // bytes of what leaves it
  int64_t work = 0;  // bytes that live while it or its temporal layer computes, besides what is kept
};

// One for each of decoder.pieces(), and one for its head, for latents of height x width.
std::vector<PieceCost> piece_costs(const latent_diffusion::Decoder& decoder,
                                   const latent_diffusion::AutoencoderOptions& options, int64_t height, int64_t width,
                                   c10::ScalarType dtype);

// The largest work of any piece.
int64_t largest_work(const std::vector<PieceCost>& costs);

// Memory as it is taken and given back, below a bound.
class MemoryLedger {
 public:
  explicit MemoryLedger(int64_t bound) : bound_(bound) {}

  // Whether `bytes` more may stay in memory while `work` bytes are needed beside them.
  bool fits(int64_t bytes, int64_t work) const { return taken_ + bytes + work <= bound_; }
  void take(int64_t bytes) { taken_ += bytes; }
  void give_back(int64_t bytes) { taken_ -= bytes; }
  // How many frames of `work` bytes each may be worked on at once: 1 to `most`.
  int64_t frames_at_once(int64_t work, int64_t most) const;

 private:
  int64_t bound_, taken_ = 0;
};

}  // namespace cambium::video_ldm
