#pragma once
// Films made while temporal layers are trained, beside the real ones whose words and frames they were given.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/latent_diffusion/autoencoder.h"
#include "systems/video_ldm/video/window.h"
#include "train/task.h"

namespace cambium::systems::video_ldm {

struct SampleClip {
  std::string caption;
  at::Tensor latents;  // [t, c, h, w], scaled, of the real clip
  at::Tensor text;     // [L, D]
  int64_t given = 0;   // leading frames that are given; of interpolation -1: both ends
};

class SampleFilms {
 public:
  struct Parts {
    VideoModel model;
    std::shared_ptr<const latent_diffusion::Autoencoder> autoencoder;
    at::Tensor negative;  // [L, D], of the empty caption
    std::vector<SampleClip> clips;
    double fps = 6;
    std::filesystem::path folder = {};  // for step_00001000.webp; empty: none is written
  };
  explicit SampleFilms(Parts parts) : parts_(std::move(parts)) {}

  // Each clip a row of frames, the real one above the made one.
  train::Samples make(int64_t step, uint64_t seed) const;

 private:
  at::Tensor make_clip(const SampleClip& clip, uint64_t seed) const;

  Parts parts_;
};

}  // namespace cambium::systems::video_ldm
