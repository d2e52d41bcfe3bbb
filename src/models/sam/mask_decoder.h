#pragma once
// SAM's mask decoder (arXiv 2304.02643, section 3 and appendix A).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/sam/layers.h"
#include "models/sam/options.h"
#include "models/sam/two_way_transformer.h"

namespace cambium::sam {

// B masks on I images: B is a multiple of I, and the prompts of one image stand together (B / I for each). What has a
// first dimension of 1 serves all.
struct DecoderInput {
  at::Tensor embedding;   // [I, C, h, w]; its dtype is the one to compute in
  at::Tensor dense_pe;    // [1, C, h, w]
  at::Tensor sparse;      // [1 | B, N, C], N may be 0
  at::Tensor dense;       // [1 | B, C, h, w]
  at::Tensor early = {};  // [I, h, w, W]: ImageFeatures::early, for HQ-SAM's decoder alone
};

struct DecodeOptions {
  bool multimask = false;      // masks 1..3 instead of mask 0; HQ-SAM: the best of these
  bool all = false;            // every mask, mask 0 too: where each is a class of its own
  bool hq_token_only = false;  // HQ-SAM: its own mask alone instead of added to SAM's
};

struct MaskOutput {
  at::Tensor low_res;  // [B, n, 4h, 4w] logits, float32; n = 3 with multimask, else 1
  at::Tensor iou;      // [B, n] predicted, float32, no sigmoid
};

class MaskDecoder : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit MaskDecoder(const MaskDecoderOptions& options);

  virtual MaskOutput forward(const DecoderInput& input, const DecodeOptions& options = {}) const;
  virtual void initialize(at::Generator& generator);

  const MaskDecoderOptions& options() const { return options_; }

 protected:
  struct Decoded {
    at::Tensor tokens;    // [B, T, C]: iou, masks, (HQ), sparse
    at::Tensor upscaled;  // [B, h, w, 2, 2, 2, 2, C / 8]: each cell's pixels together, as the upscaling leaves them
  };
  // `extra` [K, C]: tokens behind the mask tokens.
  Decoded decode(const DecoderInput& input, const at::Tensor& extra = {}) const;
  // The tokens as they enter the transformer. -> [B, T, C]
  at::Tensor tokens_of(const DecoderInput& input, int64_t batch, const at::Tensor& extra) const;
  // What the pixels of masks begin .. begin + count - 1 are weighed with. -> [B, count, C / 8]
  at::Tensor hyper(const at::Tensor& tokens, int64_t begin, int64_t count) const;
  // Masks begin .. begin + count - 1 of the decoded tokens. -> [B, count, 4h, 4w]
  at::Tensor masks_of(const Decoded& decoded, int64_t begin, int64_t count) const;
  at::Tensor iou_of(const at::Tensor& tokens) const;  // [B, masks]

  MaskDecoderOptions options_;

 private:
  // Without gradients: prompt by prompt, spread over the threads, so that what a prompt computes stays in the caches.
  MaskOutput forward_each(const DecoderInput& input, int64_t batch, int64_t begin, int64_t count) const;

  std::shared_ptr<TwoWayTransformer> transformer_;
  std::shared_ptr<Embedding> iou_token_, mask_tokens_;
  std::shared_ptr<ConvTranspose2d> upscale1_, upscale2_;
  std::shared_ptr<LayerNorm2d> upscale_norm_;
  std::vector<std::shared_ptr<MlpHead>> hypernetworks_;
  std::shared_ptr<MlpHead> iou_head_;
};

}  // namespace cambium::sam
