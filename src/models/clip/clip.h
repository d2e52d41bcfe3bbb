#pragma once
// CLIP: two towers, two projections, one temperature. The state dict has MERU's names (its CLIP baseline's).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <span>
#include <vector>

#include "models/clip/options.h"
#include "models/clip/text_transformer.h"
#include "models/clip/vision_transformer.h"

namespace cambium::clip {

class CLIP : public torch::nn::Module {
 public:
  // Weights are allocated, not filled: then initialize(generator), or nn::load_state.
  explicit CLIP(const CLIPOptions& options);

  // pixels [B, 3, S, S] in [0, 1], float32 or uint8 (then divided by 255) -> projections [B, E] float32, not normalised
  at::Tensor image_features(const at::Tensor& pixels);
  // ids [B, T] int64, from pad_tokens -> projections [B, E] float32, not normalised
  at::Tensor text_features(const at::Tensor& ids);

  // With `project`: the embedding itself (CLIP: the projection on the unit sphere). Without: image_features. -> [B, E]
  virtual at::Tensor encode_image(const at::Tensor& pixels, bool project = true);
  virtual at::Tensor encode_text(const at::Tensor& ids, bool project = true);
  at::Tensor encode_text(std::span<const std::vector<int32_t>> tokens, bool project = true);

  // The image tower's pooled features before the projection (linear probes). -> [B, W]
  at::Tensor visual_features(const at::Tensor& pixels);
  // The text tower's features at the end of text, before the projection. -> [B, W]
  at::Tensor textual_features(const at::Tensor& ids);

  // Fills every parameter as the paper does. The same generator state gives the same weights.
  virtual void initialize(at::Generator& generator);

  // What the towers compute in; projections and everything after them are float32.
  void set_compute_dtype(c10::ScalarType dtype) { compute_dtype_ = dtype; }
  c10::ScalarType compute_dtype() const { return compute_dtype_; }
  void set_checkpointing(bool on);

  const CLIPOptions& options() const { return options_; }
  const std::shared_ptr<VisionTransformer>& visual() const { return visual_; }
  const std::shared_ptr<TextTransformer>& textual() const { return textual_; }
  // 0-D, the logarithm of the temperature's inverse; ln(1 / 0.07) at the start.
  at::Tensor& logit_scale() { return logit_scale_; }
  const std::shared_ptr<nn::Linear>& visual_proj() const { return visual_proj_; }
  const std::shared_ptr<nn::Linear>& textual_proj() const { return textual_proj_; }

 private:
  // Features leave the towers in float32 (float64 where a whole model is run in it).
  c10::ScalarType feature_dtype() const { return compute_dtype_ == c10::kDouble ? c10::kDouble : c10::kFloat; }

  CLIPOptions options_;
  c10::ScalarType compute_dtype_ = c10::kFloat;
  at::Tensor logit_scale_, pixel_mean_, pixel_std_;
  std::shared_ptr<VisionTransformer> visual_;
  std::shared_ptr<TextTransformer> textual_;
  std::shared_ptr<nn::Linear> visual_proj_, textual_proj_;
};

}  // namespace cambium::clip
