#pragma once
// Decoding videos of any length within a bound of memory: latents are read and frames handed on as they are needed and
// made. The image decoder works frame by frame, so that any bound gives the same frames. The temporal decoder's norms
// and convolutions see all frames at once, and there are two ways:
//   exact    layer by layer, each by slices of frames, with the norms' statistics taken first; what every layer makes
//            of all frames goes to a temporary file where it passes the bound. Equals undivided decoding.
//   overlap  chunks of frames, each with some more on both sides that are thrown away. Faster where the disk is slow;
//            frames differ a little from undivided decoding, by how much at the seams is measured.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "models/latent_diffusion/autoencoder.h"
#include "models/video_ldm/temporal_autoencoder.h"

namespace cambium::video_ldm {

enum class Bounding { exact, overlap };

// "exact" or "overlap"; UsageError otherwise.
Bounding parse_bounding(const std::string& name);
std::string to_string(Bounding bounding);

struct BoundedOptions {
  Bounding mode = Bounding::exact;
  int64_t memory_bytes = int64_t{4} << 30;                                // activations at any time, beside the weights
  std::filesystem::path folder = std::filesystem::temp_directory_path();  // of temporary files
  int64_t border = 2;  // of overlap: frames on each side of a chunk that are thrown away

  // UsageError, one sentence.
  void validate() const;
};

// The latents of one video, not scaled, from wherever they are.
struct LatentVideo {
  int64_t frames = 0, height = 0, width = 0;
  // -> [count, latent channels, height, width]; asked for in order, each once (with overlap: the borders again).
  std::function<at::Tensor(int64_t first, int64_t count)> read;

  // latents [T, latent channels, h, w]
  static LatentVideo of(const at::Tensor& latents);
  // Some of its frames as a video of their own.
  LatentVideo part(int64_t first, int64_t count) const;
};

// image [3, H, W] float32 on the host, about [-1, 1] and not clamped. Frames come in order.
using FrameSink = std::function<void(int64_t frame, const at::Tensor& image)>;

struct DecodeReport {
  int64_t spilled_bytes = 0;  // written to temporary files
  int64_t chunks = 1;
  // Of overlap with several chunks: how far the two versions of the frames on both sides of a seam are apart, largest
  // and mean absolute difference over pixels. Images span 2.
  std::optional<double> seam_largest = std::nullopt, seam_mean = std::nullopt;
};

// Decodes all frames into `sink`. UsageError where the bound is too small for one frame (or one chunk); Error as
// io::scratch_bytes; Interrupted between slices of frames.
DecodeReport decode_video(const latent_diffusion::Autoencoder& autoencoder, const LatentVideo& latents,
                          const BoundedOptions& options, const FrameSink& sink);
DecodeReport decode_video(const TemporalAutoencoder& autoencoder, const LatentVideo& latents,
                          const BoundedOptions& options, const FrameSink& sink);

}  // namespace cambium::video_ldm
