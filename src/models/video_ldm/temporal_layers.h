#pragma once
// phi: everything that a video model adds to an image U-Net (Blattmann et al. 2023, arXiv 2304.08818, section 3.1). The
// U-Net's own weights are not in it and stay as they are, so that they can be exchanged under it.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <vector>

#include "models/latent_diffusion/injection.h"
#include "models/latent_diffusion/options.h"
#include "models/latent_diffusion/places.h"
#include "models/video_ldm/context_encoder.h"
#include "models/video_ldm/options.h"
#include "models/video_ldm/temporal_residual_block.h"
#include "models/video_ldm/temporal_transformer.h"
#include "nn/embedding.h"

namespace cambium::video_ldm {

// What stands behind one residual block of the U-Net.
class TemporalResidual : public torch::nn::Module {
 public:
  // `context_width`: of the context encoder's features; 0: none are read.
  TemporalResidual(const TemporalResidualOptions& options, const TemporalOptions& mixing, int64_t context_width);

  // z' = alpha z + (1 - alpha) l(z + context_proj(context)). hidden [b * t, C, h, w], time_embedding [b * t, 4 C0],
  // context [b * t, context_width, h, w] or undefined, image_only [b, t] or undefined -> [b * t, C, h, w]
  at::Tensor forward(const at::Tensor& hidden, const at::Tensor& time_embedding, int64_t frames,
                     const at::Tensor& context, const at::Tensor& image_only) const;

  // The last layers to 0: then nothing is changed.
  void silence();

 private:
  std::shared_ptr<TemporalResidualBlock> temporal_res_block_;
  std::shared_ptr<TimeMixer> time_mixer_;
  std::shared_ptr<nn::Conv2d> context_proj_;  // or null
};

// What the temporal layers are told of a batch of videos.
struct VideoConditions {
  int64_t frames = 1;          // t, of each video
  at::Tensor text = {};        // [b, L, D], what the temporal layers read: the original text encoder's output even
                               // where the image layers read another's (DreamBooth)
  at::Tensor context = {};     // c_S [b, t, c + 1, h, w] (context.h), of models that read given frames
  at::Tensor image_only = {};  // [b, t] bool: frames that are images of their own, alpha = 1
  at::Tensor positions = {};   // [t], default 0, 1, ..., t - 1
  std::optional<int64_t> reach = std::nullopt;  // attention to frames at most so far away: longer videos than trained
  c10::ScalarType dtype = c10::ScalarType::Float;  // to compute in: the U-Net's
};

class TemporalLayers : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit TemporalLayers(const latent_diffusion::UNetOptions& unet, const TemporalOptions& options = {});

  // PyTorch's defaults, but the last layer of every branch 0: the image model is recovered whatever alpha is, and
  // gradients reach every layer at once. mix_factor 0.5. (Ours; Stable Video Diffusion silences convolutions alone.)
  void initialize(at::Generator& generator);

  // The temporal layers under these conditions, for any number of forward passes of the U-Net: what does not change
  // from step to step (keys and values of the text, positions, features of given frames) is computed here, once. It
  // holds on to the layers, and must live until the backward pass is done. Error where the conditions do not fit.
  std::unique_ptr<latent_diffusion::Injection> pass(const VideoConditions& conditions) const;

  // Features of given frames, one a level of the U-Net. context [b, t, c + 1, h, w] -> [b * t, C0, h / 2^l, w / 2^l]
  std::vector<at::Tensor> encode_context(const at::Tensor& context) const;
  // To be added to the U-Net's time embedding. rates [b] int64 -> [b * t, 4 C0]
  at::Tensor embed_frame_rates(const at::Tensor& rates, int64_t frames) const;

  const latent_diffusion::UNetOptions& unet_options() const { return unet_; }
  const TemporalOptions& options() const { return options_; }
  const std::vector<std::shared_ptr<TemporalResidual>>& residuals() const { return residuals_; }
  const std::vector<std::shared_ptr<TemporalTransformer>>& transformers() const { return transformers_; }

 private:
  void check(const VideoConditions& conditions) const;

  latent_diffusion::UNetOptions unet_;
  TemporalOptions options_;
  std::shared_ptr<ContextEncoder> context_encoder_;                 // or null
  std::shared_ptr<nn::Embedding> frame_rate_embedding_;             // or null
  std::vector<std::shared_ptr<TemporalResidual>> residuals_;        // by place
  std::vector<std::shared_ptr<TemporalTransformer>> transformers_;  // by place
};

}  // namespace cambium::video_ldm
