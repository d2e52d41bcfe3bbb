#pragma once
// Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598) and the guidance of video models by context frames.
#include <ATen/core/Tensor.h>

namespace cambium::latent_diffusion {

struct Guidance {
  double scale = 7.5;  // 1 or less: the negative prompt is not asked
  double rescale = 0;  // Lin et al. 2023, arXiv 2305.08891, section 3.4: 0 none, 1 all, 0.7 is theirs
  double context = 1;  // of context frames (Blattmann et al. 2023, arXiv 2304.08818, section 3.2)

  bool asks_negative() const { return scale > 1; }
  // UsageError, one sentence: a rescale outside [0, 1], a context scale below 1.
  void validate() const;
};

// Predictions of one batch, rows [2N, ...]: N with the negative prompt, then N with the prompt -> [N, ...]
//   negative + scale (positive - negative), its standard deviation mixed towards the positive's by `rescale`.
at::Tensor guide(const at::Tensor& rows, const Guidance& guidance);

// rows [3N, ...]: negative without context frames, positive without, positive with -> [N, ...]
//   f(neg, 0) + scale (f(pos, 0) - f(neg, 0)) + context (f(pos, c) - f(pos, 0))
at::Tensor guide_with_context(const at::Tensor& rows, const Guidance& guidance);

}  // namespace cambium::latent_diffusion
