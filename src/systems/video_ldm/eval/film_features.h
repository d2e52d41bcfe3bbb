#pragma once
// What a Frechet distance compares films by: features of a network, prepared as that network wants its frames.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <string>

namespace cambium::systems::video_ldm {

class FilmFeatures {
 public:
  virtual ~FilmFeatures() = default;
  // Network and preparation in words, printed with every figure.
  virtual std::string variant() const = 0;
  // The frames' own features, one row each. frames: u8 [T, 3, H, W] -> f32 [T, D].
  virtual at::Tensor of_frames(const at::Tensor& frames) const = 0;
  // One row for the film.
  virtual at::Tensor of_film(const at::Tensor& frame_features) const = 0;
};

// EfficientNet-Lite0, the packaged default: a frame's row is the mean over its last map (1280); a film's row is the
// mean of its frames' rows and the mean absolute difference between neighbours' (2560), so that the order of frames
// counts. `file`: the network's weights; empty: those that scripts/data brings. Error where there are none.
std::unique_ptr<FilmFeatures> open_efficientnet_features(const std::filesystem::path& file = {},
                                                         c10::Device device = c10::Device(c10::kCPU));

}  // namespace cambium::systems::video_ldm
