#pragma once
// Videos of one window of frames, sampled from noise: the piece that text-to-video, prediction, long videos and
// interpolation are made of (arXiv 2304.08818, section 3).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/latent_diffusion/guidance.h"
#include "models/latent_diffusion/sampler.h"
#include "models/latent_diffusion/unet.h"
#include "models/video_ldm/temporal_layers.h"

namespace cambium::systems::video_ldm {

// An image model and, over it, temporal layers; without layers every frame is an image of its own.
struct VideoModel {
  std::shared_ptr<const latent_diffusion::UNet> unet;
  std::shared_ptr<const cambium::video_ldm::TemporalLayers> layers = {};
  latent_diffusion::SchedulerOptions scheduler = {};

  bool reads_frames() const { return layers && layers->options().context; }
};

// b videos of t frames.
struct WindowRequest {
  at::Tensor text = {};      // [b, L, D], the prompt's; on the model's device, as all here
  at::Tensor negative = {};  // [b, L, D], of the negative or the empty prompt
  at::Tensor known = {};     // [b, t, c, h, w], scaled latents; undefined: nothing is given
  at::Tensor mask = {};      // [t], 1 where a frame of `known` is given
  int64_t frame_rate = 0;    // which of the rates that the layers tell apart
  latent_diffusion::Guidance guidance = {};
  int64_t steps = 50;
  // Frames that attention reaches at most; 0: all.
  int64_t reach = 0;
  std::vector<uint64_t> seeds = {};  // one a video
  std::vector<int64_t> shape = {};   // t, c, h, w
};

// Where a window that was broken off goes on.
struct WindowProgress {
  int64_t begin = 0;  // the next step
  at::Tensor x = {};  // [b, t, c, h, w] there; undefined: from noise
  latent_diffusion::SchedulerMemory memory = {};
};

struct WindowHooks {
  // Behind every step, with what sampling needs to go on behind it.
  std::function<void(const latent_diffusion::StepReport&, const latent_diffusion::SchedulerMemory&)> after_step = {};
  std::string label = "";  // of the progress bar; "": none
};

// -> scaled latents f32 [b, t, c, h, w]. UsageError: frames are given to a model that reads none, a frame rate that the
// layers do not know.
at::Tensor make_window(const VideoModel& model, const WindowRequest& request, const WindowHooks& hooks = {},
                       WindowProgress progress = {});

}  // namespace cambium::systems::video_ldm
