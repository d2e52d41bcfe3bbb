#pragma once
// How a place mixes the image model's layer with the temporal one (section 3.1): z' = alpha z + (1 - alpha) l(z).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "models/video_ldm/options.h"

namespace cambium::video_ldm {

class TimeMixer : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit TimeMixer(const TemporalOptions& options);

  // `image` and `temporal` [b * t, ...], image_only [b, t] bool (frames where alpha is 1) or undefined -> [b * t, ...]
  at::Tensor mix(const at::Tensor& image, const at::Tensor& temporal, int64_t frames,
                 const at::Tensor& image_only) const;
  // The same for temporal = image + added.
  at::Tensor add(const at::Tensor& image, const at::Tensor& added, int64_t frames, const at::Tensor& image_only) const;

  at::Tensor mix_factor;  // [1], or [t] where alpha is per frame

 private:
  // alpha [1 or b, 1 or t, 1, ...], of `dims` dimensions
  at::Tensor alpha(const at::Tensor& image_only, int64_t dims) const;

  Mixing mixing_;
};

}  // namespace cambium::video_ldm
