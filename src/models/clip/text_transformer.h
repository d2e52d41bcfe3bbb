#pragma once
// The text tower: a causal transformer whose end-of-text position is the sentence (CLIP, arXiv 2103.00020,
// section 2.4).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <span>
#include <vector>

#include "models/clip/block.h"
#include "models/clip/options.h"

namespace cambium::clip {

// Token lists of differing lengths -> [B, T] int64, padded with 0 on the right to the longest in the batch. A list
// longer than `context` is cut to its first `context` ids, the last of them replaced by its own last id (the end of
// text). Error if the batch or one of its lists is empty.
at::Tensor pad_tokens(std::span<const std::vector<int32_t>> tokens, int64_t context);

class TextTransformer : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit TextTransformer(const TextTransformerOptions& options);

  // ids [B, T] int64, T <= context; `dtype` to compute in -> features at the end of text [B, W]: the position of the
  // row's largest id, the first if several.
  at::Tensor forward(const at::Tensor& ids, c10::ScalarType dtype);
  // Every position after the final norm. -> [B, T, W]
  at::Tensor forward_tokens(const at::Tensor& ids, c10::ScalarType dtype);
  // What enters the first block and what leaves each block, without the final norm. -> layers + 1 of [B, T, W]
  std::vector<at::Tensor> hidden_states(const at::Tensor& ids, c10::ScalarType dtype);
  at::Tensor final_norm(const at::Tensor& x) const { return ln_final_->forward(x); }

  // The original's initialisation: token_embed N(0, 0.02), posit_embed N(0, 0.01), in_proj N(0, W^-1/2),
  // out_proj and c_proj N(0, (2 W L)^-1/2), c_fc N(0, (2 W)^-1/2).
  void initialize(at::Generator& generator);

  const TextTransformerOptions& options() const { return options_; }
  void set_checkpointing(bool on) { options_.checkpointing = on; }
  const std::vector<std::shared_ptr<Block>>& blocks() const { return blocks_; }

 private:
  at::Tensor embed(const at::Tensor& ids, c10::ScalarType dtype) const;

  TextTransformerOptions options_;
  at::Tensor posit_embed_, token_embed_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<nn::LayerNorm> ln_final_;
};

}  // namespace cambium::clip
