#include "models/video_ldm/decoding/decode_video.h"

#include <c10/core/GradMode.h>

#include "core/error.h"
#include "models/video_ldm/decoding/decode_exact.h"
#include "models/video_ldm/decoding/decode_overlap.h"
#include "models/video_ldm/decoding/memory_plan.h"

namespace cambium::video_ldm {

namespace {

void check_bound(const latent_diffusion::Decoder& decoder, const latent_diffusion::AutoencoderBase& autoencoder,
                 const LatentVideo& latents, const BoundedOptions& options) {
  options.validate();
  if (latents.frames < 1 || latents.height < 1 || latents.width < 1)
    throw Error({.what = "there are no latents to decode", .field = "latents"});
  const int64_t least =
      largest_work(piece_costs(decoder, autoencoder.options(), latents.height, latents.width, autoencoder.dtype()));
  if (least > options.memory_bytes) {
    const int64_t factor = autoencoder.options().factor();
    throw UsageError({.what = "decoding one frame of " + std::to_string(factor * latents.height) + "x" +
                              std::to_string(factor * latents.width) + " needs " + std::to_string(least) +
                              " bytes beside the weights, and the bound is " + std::to_string(options.memory_bytes),
                      .field = "memory",
                      .mend = "give more, or make a smaller video"});
  }
}

}  // namespace

Bounding parse_bounding(const std::string& name) {
  if (name == "exact") return Bounding::exact;
  if (name == "overlap") return Bounding::overlap;
  throw UsageError({.what = "unknown way of decoding \"" + name + "\"", .mend = "use exact or overlap"});
}

std::string to_string(Bounding bounding) { return bounding == Bounding::exact ? "exact" : "overlap"; }

void BoundedOptions::validate() const {
  if (memory_bytes < 1)
    throw UsageError({.what = "cannot decode within " + std::to_string(memory_bytes) + " bytes", .field = "memory"});
  if (border < 0)
    throw UsageError({.what = "a border cannot have " + std::to_string(border) + " frames",
                      .field = "border",
                      .mend = "give 0 or more"});
}

LatentVideo LatentVideo::of(const at::Tensor& latents) {
  return {.frames = latents.size(0),
          .height = latents.size(2),
          .width = latents.size(3),
          .read = [latents](int64_t first, int64_t count) { return latents.narrow(0, first, count); }};
}

LatentVideo LatentVideo::part(int64_t first, int64_t count) const {
  return {.frames = count, .height = height, .width = width, .read = [whole = read, first](int64_t at, int64_t n) {
            return whole(first + at, n);
          }};
}

DecodeReport decode_video(const latent_diffusion::Autoencoder& autoencoder, const LatentVideo& latents,
                          const BoundedOptions& options, const FrameSink& sink) {
  const at::NoGradGuard no_grad;
  check_bound(*autoencoder.decoder(), autoencoder, latents, options);
  decode_images(autoencoder, latents, options.memory_bytes, sink);
  return {};
}

DecodeReport decode_video(const TemporalAutoencoder& autoencoder, const LatentVideo& latents,
                          const BoundedOptions& options, const FrameSink& sink) {
  const at::NoGradGuard no_grad;
  check_bound(*autoencoder.decoder(), autoencoder, latents, options);
  if (options.mode == Bounding::overlap) return decode_chunks(autoencoder, latents, options, sink);
  return {.spilled_bytes = decode_layers(autoencoder, latents, options.memory_bytes, options.folder, sink)};
}

}  // namespace cambium::video_ldm
