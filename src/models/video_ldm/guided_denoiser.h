#pragma once
// A video model under guidance by text and by given frames (section 3.2), as the sampling loop calls it.
#include <ATen/core/Tensor.h>

#include <memory>

#include "models/latent_diffusion/guidance.h"
#include "models/video_ldm/video_denoiser.h"

namespace cambium::video_ldm {

// What guidance leads away from: the negative prompt, or the empty one.
struct NegativeText {
  at::Tensor text = {};       // [1 or b, L, D]
  at::Tensor time_text = {};  // the temporal layers'; default `text`
};

// All rows of guidance in one batch: [negative, prompt], and of models that read given frames [negative without frames,
// prompt without frames, prompt with frames]. Rows that the scales make superfluous are not computed: a text scale of 1
// or less asks no negative, and with it a context scale of 1 nothing without frames.
class GuidedVideoDenoiser {
 public:
  // `inputs`: of the prompt, with the given frames. Error where they do not fit the models.
  GuidedVideoDenoiser(std::shared_ptr<const latent_diffusion::UNet> unet, std::shared_ptr<const TemporalLayers> layers,
                      const VideoInputs& inputs, const NegativeText& negative,
                      const latent_diffusion::Guidance& guidance);

  // x [b, t, c, h, w] at timestep t -> the guided prediction [b, t, c', h, w]
  at::Tensor operator()(const at::Tensor& x, double t) const;

 private:
  latent_diffusion::Guidance guidance_;
  bool asks_negative_, asks_without_context_;
  std::unique_ptr<VideoDenoiser> denoiser_;
};

}  // namespace cambium::video_ldm
