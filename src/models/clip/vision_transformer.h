#pragma once
// The image tower: a vision transformer with timm's names (MERU, arXiv 2304.09172, section 4).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/clip/block.h"
#include "models/clip/options.h"

namespace cambium::clip {

// MoCo v3's fixed 2-D sine-cosine position embedding: for patch (row, column) [sin(row w), cos(row w), sin(column w),
// cos(column w)], w_k = 10000^(-k / (width / 4)); a zero row for the class token first, if there is one.
// -> [1, tokens, width], float32
at::Tensor sincos_pos_embed(int64_t grid, int64_t width, bool class_token);

// patch_embed.proj: one convolution with kernel = stride = patch. As it is a product of flattened patches with the
// flattened kernel, it is computed as one.
class PatchEmbed : public torch::nn::Module {
 public:
  explicit PatchEmbed(const VisionTransformerOptions& options);

  // images [B, 3, S, S] -> [B, grid * grid, W], patches row by row
  at::Tensor forward(const at::Tensor& images) const;
  void initialize(at::Generator& generator);

 private:
  struct Convolution;
  VisionTransformerOptions options_;
  std::vector<std::shared_ptr<Convolution>> layers_;   // the stem's convolutions, then proj
  std::vector<std::shared_ptr<nn::LayerNorm>> norms_;  // behind each of the stem's convolutions
};

class VisionTransformer : public torch::nn::Module {
 public:
  // Weights are allocated, not filled (a fixed pos_embed is).
  explicit VisionTransformer(const VisionTransformerOptions& options);

  // images [B, 3, S, S], normalised, in the dtype to compute in -> pooled features [B, W]
  at::Tensor forward(const at::Tensor& images);
  // All tokens after the last block, before the final norm. -> [B, tokens, W]
  at::Tensor forward_tokens(const at::Tensor& images);

  // timm's initialisation: truncated normals (0.02) for linear weights, zero biases, cls_token N(0, 1e-6).
  void initialize(at::Generator& generator);

  const VisionTransformerOptions& options() const { return options_; }
  void set_checkpointing(bool on) { options_.checkpointing = on; }
  const std::shared_ptr<PatchEmbed>& patch_embed() const { return patch_embed_; }
  const std::vector<std::shared_ptr<Block>>& blocks() const { return blocks_; }

 private:
  at::Tensor embed(const at::Tensor& images);

  VisionTransformerOptions options_;
  at::Tensor cls_token_, pos_embed_;
  std::shared_ptr<PatchEmbed> patch_embed_;
  std::shared_ptr<nn::LayerNorm> norm_pre_, norm_;
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace cambium::clip
