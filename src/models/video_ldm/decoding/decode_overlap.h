#pragma once
// Decoding in chunks of frames, with borders that are decoded and thrown away.
#include <vector>

#include "models/video_ldm/decoding/decode_video.h"

namespace cambium::video_ldm {

// Frames first .. first + frames - 1 are decoded together, of which keep_first .. keep_end - 1 are kept.
struct Chunk {
  int64_t first = 0, frames = 0, keep_first = 0, keep_end = 0;
};

// Chunks of `length` frames (all of them, if there are no more) whose kept frames make up the whole video, with at
// least `border` frames thrown away on each side where another chunk is. length > 2 * border, unless one chunk is
// enough.
std::vector<Chunk> plan_chunks(int64_t frames, int64_t length, int64_t border);

// As many frames a chunk as options.memory_bytes allows. UsageError where that is not more than both borders.
DecodeReport decode_chunks(const TemporalAutoencoder& autoencoder, const LatentVideo& latents,
                           const BoundedOptions& options, const FrameSink& sink);

}  // namespace cambium::video_ldm
