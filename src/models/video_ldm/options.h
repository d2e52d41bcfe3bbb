#pragma once
// What the temporal layers of a video model are, beside the U-Net that they are built into (Blattmann et al. 2023,
// arXiv 2304.08818, section 3.1). The U-Net's sizes give theirs.
#include <cstdint>
#include <string>

namespace cambium::video_ldm {

// How a place's parameter becomes alpha, the image layer's share: z' = alpha z + (1 - alpha) l(z).
enum class Mixing {
  sigmoid,    // alpha = sigmoid(mix_factor), one number: videos may have any length
  clamp,      // alpha = mix_factor within [0, 1], one number
  per_frame,  // alpha_t = sigmoid(mix_factor[t]): videos have one length
};

// "sigmoid", "clamp" or "per_frame"; UsageError naming the three otherwise.
Mixing parse_mixing(const std::string& name);
std::string to_string(Mixing mixing);

struct TemporalOptions {
  Mixing mixing = Mixing::sigmoid;
  int64_t frames = 0;       // the length of videos; of per_frame alone
  bool context = false;     // reads given frames (Eq. 3): prediction and interpolation
  double eps = 1e-5;        // of the residual blocks' norms
  int64_t frame_rates = 0;  // rows of frame_rate_embedding (interpolation at two rates, section 3.2.1); 0: none

  // UsageError, one sentence.
  void validate() const;
};

}  // namespace cambium::video_ldm
