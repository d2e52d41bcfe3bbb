#pragma once
// Prompts to the context of a latent diffusion model: tokenizer, CLIP's text transformer, and what users expect around
// them.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/clip/text_transformer.h"
#include "models/clip/tokenizer.h"
#include "models/latent_diffusion/weights.h"

namespace cambium::latent_diffusion {

struct PromptOptions {
  // Which block's output is read, counted from the last one (1), before the final norm. Stable Diffusion 2's files are
  // opened without the block that it never reads, so that 1 is its own choice too.
  int64_t clip_skip = 1;
  // "(words:1.2)" as parse_prompt says; off, brackets are text.
  bool weights = true;
};

// Token ids of prompts, in parts that the text encoder can read.
struct PromptTokens {
  at::Tensor ids;      // [B, parts, context] int64: start, up to context - 2 tokens, end, padding
  at::Tensor weights;  // [B, parts, context] float32; undefined where all are 1
};

class TextEncoder {
 public:
  // `pad` is the token behind the end (TextWeights). `dtype` to compute in. Errors as clip::Tokenizer.
  TextEncoder(std::shared_ptr<clip::TextTransformer> tower, int32_t pad, c10::ScalarType dtype);
  // The text encoder of `weights`, by open_text.
  static TextEncoder open(const Weights& weights, const Compute& compute = {});

  // Prompts longer than 75 tokens are cut into parts of 75, read one by one and joined, which the log says; shorter
  // prompts of the same batch get empty parts. -> [B, context * parts, width] float32. UsageError: no prompts, a
  // clip_skip that the encoder does not have. Error: text that is not UTF-8.
  at::Tensor encode(std::span<const std::string> prompts, const PromptOptions& options = {}) const;

  PromptTokens tokenize(std::span<const std::string> prompts, bool weights = true) const;

  int64_t context() const { return tower_->options().context; }
  int64_t width() const { return tower_->options().width; }
  const std::shared_ptr<clip::TextTransformer>& tower() const { return tower_; }

 private:
  at::Tensor run(const at::Tensor& ids, int64_t clip_skip) const;

  clip::Tokenizer tokenizer_;
  std::shared_ptr<clip::TextTransformer> tower_;
  int32_t pad_;
  c10::ScalarType dtype_;
};

// Multiplies the embeddings of each token by its weight, and brings every part's mean back to what it was.
// embeddings [N, T, W], weights [N, T] -> [N, T, W]
at::Tensor weigh(const at::Tensor& embeddings, const at::Tensor& weights);

}  // namespace cambium::latent_diffusion
