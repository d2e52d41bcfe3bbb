#pragma once
// The latents of a whole film: a first window, windows that go on from its last frames, frames between frames
// (arXiv 2304.08818, sections 3.2 and 3.2.1).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "systems/video_ldm/video/window.h"
#include "systems/video_ldm/video/workspace.h"

namespace cambium::systems::video_ldm {

struct FilmPlan {
  int64_t keys = 8;       // frames before interpolation
  int64_t window = 8;     // frames that the layers make at once
  int64_t context = 2;    // last frames that a further window goes on from
  at::Tensor known = {};  // [1, n, c, h, w], scaled latents of frames that the film begins with; undefined: none
  // Which frame rate of the interpolation layers each doubling of the doubling is: one entry a pass, three frames
  // between each two. Empty: none.
  std::vector<int64_t> interpolation_rates = {};

  // UsageError: more known frames than a window goes on from, windows without layers that read frames.
  void validate(const VideoModel& model) const;
};

// Frames of the film that the plan makes.
int64_t film_length(const FilmPlan& plan);

// What all windows of a film share: text, negative, guidance, steps, seeds, shape (t is filled in).
class FilmLatents {
 public:
  // `interpolation` may be without layers where the plan interpolates nothing. `workspace` may be null: nothing is
  // written.
  FilmLatents(VideoModel model, VideoModel interpolation, WindowRequest shared, const Workspace* workspace)
      : model_(std::move(model)),
        interpolation_(std::move(interpolation)),
        shared_(std::move(shared)),
        workspace_(workspace) {}

  // [1, T, c, h, w], scaled, on the CPU
  at::Tensor make(const FilmPlan& plan) const;

 private:
  at::Tensor make_piece(const std::string& name, const VideoModel& model, WindowRequest request) const;
  at::Tensor first_window(const FilmPlan& plan) const;
  at::Tensor further_windows(const FilmPlan& plan, const at::Tensor& first) const;
  at::Tensor between(const at::Tensor& keys, int64_t pass, int64_t rate) const;

  VideoModel model_, interpolation_;
  WindowRequest shared_;
  const Workspace* workspace_;
};

}  // namespace cambium::systems::video_ldm
