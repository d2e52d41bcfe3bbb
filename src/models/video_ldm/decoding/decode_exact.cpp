#include "models/video_ldm/decoding/decode_exact.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/freed_memory.h"
#include "core/interrupt.h"
#include "models/video_ldm/decoding/frame_store.h"
#include "models/video_ldm/decoding/memory_plan.h"
#include "models/video_ldm/decoding/sliding_convolution.h"
#include "nn/group_statistics.h"

namespace cambium::video_ldm {

namespace {

void for_each_slice(int64_t frames, int64_t at_once, const std::function<void(int64_t first, int64_t count)>& work) {
  for (int64_t first = 0; first < frames; first += at_once) {
    interrupt::check();
    work(first, std::min(at_once, frames - first));
  }
}

void hand_on(const FrameSink& sink, int64_t first, const at::Tensor& images) {
  const at::Tensor host = images.to(at::kCPU, at::kFloat).contiguous();
  for (int64_t i = 0; i < host.size(0); ++i) sink(first + i, host[i]);
}

// One video on its way through the temporal decoder, layer by layer.
class LayerWalk {
 public:
  LayerWalk(const TemporalAutoencoder& autoencoder, const LatentVideo& latents, int64_t memory_bytes,
            const std::filesystem::path& folder)
      : autoencoder_(autoencoder),
        decoder_(*autoencoder.decoder()),
        latents_(latents),
        folder_(folder),
        costs_(piece_costs(decoder_, autoencoder.options(), latents.height, latents.width, autoencoder.dtype())),
        ledger_(memory_bytes) {}

  int64_t run(const FrameSink& sink) {
    for (size_t i = 0; i < decoder_.pieces().size(); ++i) {
      nn::GroupStatistics statistics(*decoder_.temporal_layers()[i].block->norm1());
      run_spatial(i, statistics);
      run_temporal(i, statistics);
      give_back_freed_memory();
    }
    run_head(sink);
    return spilled_bytes_;
  }

 private:
  // What the layers so far have made of some frames.
  at::Tensor read(int64_t first, int64_t count) const {
    if (current_) return current_->frames(first, count).to(autoencoder_.device());
    return autoencoder_.decoder_input(latents_.read(first, count));
  }

  std::unique_ptr<FrameStore> make_store(int64_t channels, int64_t scale, int64_t work) {
    const FrameShape shape{latents_.frames, channels, scale * latents_.height, scale * latents_.width};
    auto store = std::make_unique<FrameStore>(shape, autoencoder_.dtype(), work, ledger_, folder_);
    spilled_bytes_ += store->spilled_bytes();
    return store;
  }

  // Piece i frame by frame, and the statistics of what it gives over all frames.
  void run_spatial(size_t i, nn::GroupStatistics& statistics) {
    const auto& piece = decoder_.pieces()[i];
    // What stays in memory now is still there when the next piece reads it.
    auto out = make_store(piece.channels, piece.scale, std::max(costs_[i].work, costs_[i + 1].work));
    for_each_slice(latents_.frames, at_once(i), [&](int64_t first, int64_t count) {
      const at::Tensor x = piece.forward(read(first, count));
      statistics.add(x);
      out->put(first, x);
    });
    current_ = std::move(out);
  }

  // The temporal layer behind piece i, in place: the frames that are written are read no more.
  void run_temporal(size_t i, const nn::GroupStatistics& statistics1) {
    const auto& layer = decoder_.temporal_layers()[i];
    const TemporalResidualBlock& block = *layer.block;
    const FrameShape& shape = current_->shape();
    const auto hidden = make_store(shape.channels, decoder_.pieces()[i].scale, costs_[i].work);
    nn::GroupStatistics statistics2(*block.norm2());
    convolve_sliding(
        *block.conv1(), shape.frames, at_once(i),
        [&](int64_t first, int64_t count) { return statistics1.normalize_silu(read(first, count)); },
        [&](int64_t first, const at::Tensor& x) {
          interrupt::check();
          statistics2.add(x);
          hidden->put(first, x);
        });
    convolve_sliding(
        *block.conv2(), shape.frames, at_once(i),
        [&](int64_t first, int64_t count) {
          return statistics2.normalize_silu(hidden->frames(first, count).to(autoencoder_.device()));
        },
        [&](int64_t first, const at::Tensor& added) {
          interrupt::check();
          current_->put(first, layer.mixer->add(read(first, added.size(0)), added));
        });
  }

  void run_head(const FrameSink& sink) {
    convolve_sliding(
        *decoder_.time_conv_out(), latents_.frames, at_once(costs_.size() - 1),
        [&](int64_t first, int64_t count) {
          interrupt::check();
          return decoder_.head(read(first, count));
        },
        [&](int64_t first, const at::Tensor& images) { hand_on(sink, first, images); });
  }

  int64_t at_once(size_t i) const { return ledger_.frames_at_once(costs_[i].work, latents_.frames); }

  const TemporalAutoencoder& autoencoder_;
  const TemporalDecoder& decoder_;
  const LatentVideo& latents_;
  const std::filesystem::path& folder_;
  const std::vector<PieceCost> costs_;
  MemoryLedger ledger_;
  std::unique_ptr<FrameStore> current_;  // null: the latents
  int64_t spilled_bytes_ = 0;
};

}  // namespace

void decode_images(const latent_diffusion::Autoencoder& autoencoder, const LatentVideo& latents, int64_t memory_bytes,
                   const FrameSink& sink) {
  const auto costs =
      piece_costs(*autoencoder.decoder(), autoencoder.options(), latents.height, latents.width, autoencoder.dtype());
  const int64_t at_once = MemoryLedger(memory_bytes).frames_at_once(largest_work(costs), latents.frames);
  for_each_slice(latents.frames, at_once, [&](int64_t first, int64_t count) {
    hand_on(sink, first, autoencoder.decode(latents.read(first, count)));
  });
}

int64_t decode_layers(const TemporalAutoencoder& autoencoder, const LatentVideo& latents, int64_t memory_bytes,
                      const std::filesystem::path& folder, const FrameSink& sink) {
  return LayerWalk(autoencoder, latents, memory_bytes, folder).run(sink);
}

}  // namespace cambium::video_ldm
