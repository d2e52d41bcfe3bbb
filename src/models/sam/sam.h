#pragma once
// Segment Anything as one model, under the names of the official checkpoints.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "models/sam/encoder.h"
#include "models/sam/image_encoder.h"
#include "models/sam/mask_decoder.h"
#include "models/sam/options.h"
#include "models/sam/prompt_encoder.h"

namespace cambium::sam {

// (rgb - kPixelMean) / kPixelStd. rgb [..., 3, H, W] in [0, 255], any dtype -> float32
at::Tensor normalize(const at::Tensor& rgb);
// Zeros on the right and at the bottom up to height x width. x [..., H, W]
at::Tensor pad_to(const at::Tensor& x, int64_t height, int64_t width);

class Sam : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit Sam(const SamOptions& options);

  // image [B, 3, H, W], normalised and padded; cast to dtype().
  ImageFeatures encode(const at::Tensor& image);
  // Masks for prompts on encoded images; what stands for several images at once is said at DecoderInput.
  MaskOutput decode(const ImageFeatures& features, const Prompts& prompts, const DecodeOptions& options = {}) const;
  MaskOutput decode(const ImageFeatures& features, const PromptEmbeddings& prompts,
                    const DecodeOptions& options = {}) const;

  // SAM's initialisation before training: PyTorch's defaults; the encoder's linear layers and positions as ViTDet's.
  void initialize(at::Generator& generator);

  const SamOptions& options() const { return options_; }
  const std::shared_ptr<Encoder>& image_encoder() const { return image_encoder_; }
  // SAM's own encoder; Error where the model has another one (MobileSAM).
  const std::shared_ptr<ImageEncoder>& vit() const;
  const std::shared_ptr<PromptEncoder>& prompt_encoder() const { return prompt_encoder_; }
  const std::shared_ptr<MaskDecoder>& mask_decoder() const { return mask_decoder_; }

  // The dtype to compute in (float32 until set; weights keep theirs).
  c10::ScalarType dtype() const { return dtype_; }
  void set_dtype(c10::ScalarType dtype) { dtype_ = dtype; }

 private:
  SamOptions options_;
  c10::ScalarType dtype_ = c10::kFloat;
  std::shared_ptr<Encoder> image_encoder_;
  std::shared_ptr<ImageEncoder> vit_;  // the same, if it is one
  std::shared_ptr<PromptEncoder> prompt_encoder_;
  std::shared_ptr<MaskDecoder> mask_decoder_;
};

}  // namespace cambium::sam
