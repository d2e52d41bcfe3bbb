#pragma once
// HQ-SAM's decoder (Ke et al. 2023, "Segment Anything in High Quality", arXiv 2306.01567, section 3.2): one more token,
// whose mask is read from SAM's upscaled embedding fused with early and late features of the encoder.
#include <memory>

#include "models/sam/mask_decoder.h"

namespace cambium::sam {

class HqMaskDecoder : public MaskDecoder {
 public:
  explicit HqMaskDecoder(const MaskDecoderOptions& options);

  // Needs DecoderInput::early. One mask per prompt: SAM's (with multimask the one of 1..3 with the best predicted IoU)
  // plus its own, or its own alone.
  MaskOutput forward(const DecoderInput& input, const DecodeOptions& options = {}) const override;
  void initialize(at::Generator& generator) override;

 private:
  // Two upscalings with a norm between, as SAM's but without the last activation.
  struct Upscaling {
    std::shared_ptr<ConvTranspose2d> first, second;
    std::shared_ptr<LayerNorm2d> norm;
    at::Tensor forward(const at::Tensor& x) const;  // [B, h, w, C] -> [B, 4h, 4w, C']
  };
  Upscaling upscaling(const char* name, int64_t in, int64_t hidden, int64_t out);

  std::shared_ptr<Embedding> hf_token_;
  std::shared_ptr<MlpHead> hf_mlp_;
  Upscaling compress_vit_feat_, embedding_encoder_;
  std::shared_ptr<Conv2d> maskfeature1_, maskfeature2_;
  std::shared_ptr<LayerNorm2d> maskfeature_norm_;
};

}  // namespace cambium::sam
