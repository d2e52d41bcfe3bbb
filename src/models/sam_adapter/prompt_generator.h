#pragma once
// SAM-Adapter's prompts (its section 3.2, after EVP, Liu et al. 2023, arXiv 2303.10883): what is added to the tokens
// before every block of a frozen image encoder, made from the image's high frequencies and its patch embeddings.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "models/sam/injection.h"
#include "nn/linear.h"

namespace cambium::sam_adapter {

struct PromptGeneratorOptions {
  int64_t width = 768;        // C, of the encoder
  int64_t depth = 12;         // blocks
  int64_t patch = 16;         // pixels
  int64_t scale_factor = 32;  // the prompts' inner width is C / scale_factor
  double rate = 0.25;         // freq_nums: the share of the spectrum that the high-pass filter removes
  // lightweight: a layer of its own for each block, then one shared by all (the paper's). fully_shared: both shared.
  // fully_unshared: both of each block's own.
  enum class Adaptor { lightweight, fully_shared, fully_unshared } adaptor = Adaptor::lightweight;
  bool handcrafted_tune = true;  // the term of the high frequencies, F_hfc
  bool embedding_tune = true;    // the term of the patch embeddings, F_pe
  // natural: token p's F_pe comes from token p. official: from the patch embeddings read as if channels came first,
  // which mixes tokens and channels; the released weights need it.
  enum class EmbeddingLayout { natural, official } embedding_layout = EmbeddingLayout::natural;

  int64_t inner() const { return width / scale_factor; }
  void validate() const;  // UsageError naming the field
};

PromptGeneratorOptions::Adaptor parse_adaptor(const std::string& name);
PromptGeneratorOptions::EmbeddingLayout parse_embedding_layout(const std::string& name);

// Names of its tensors are the original's: embedding_generator, prompt_generator.proj, lightweight_mlp_{i}.0,
// shared_mlp; fully_shared_mlp.{0,2}; fully_unshared_mlp_{i}.{0,2}.
class PromptGenerator : public torch::nn::Module, public sam::Injection {
 public:
  // Weights are allocated, not filled.
  explicit PromptGenerator(const PromptGeneratorOptions& options);

  // The original's: linear layers from N(0, 0.02^2) cut at +-2, the convolution from N(0, 2 / (patch^2 r)), biases 0.
  // So the prompts begin as small noise.
  void initialize(at::Generator& generator);

  // embeddings [B, H, W, C], before the position embedding -> F_pe [B, H W, r]
  at::Tensor embedding_feature(const at::Tensor& embeddings) const;
  // image [B, 3, H patch, W patch], normalised -> F_hfc [B, r, H, W]
  at::Tensor handcrafted_feature(const at::Tensor& image) const;
  // F = F_hfc + F_pe, the same for all blocks. -> [B, H W, r], float32
  at::Tensor feature(const at::Tensor& embeddings, const at::Tensor& image) const;
  // P_i of block i, in the feature's dtype. feature [..., r] -> [..., C]
  at::Tensor prompt(const at::Tensor& feature, int64_t block) const;

  // As the encoder asks: the state is F, [B, H, W, r], in the dtype of the patch embeddings.
  at::Tensor prepare(const at::Tensor& patches, const at::Tensor& image) const override;
  at::Tensor before_block(int64_t block, const at::Tensor& state) const override { return prompt(state, block); }
  std::vector<at::Tensor> block_parameters(int64_t block) const override;

  const PromptGeneratorOptions& options() const { return options_; }

 private:
  size_t index(int64_t block) const {
    return static_cast<size_t>(options_.adaptor == PromptGeneratorOptions::Adaptor::fully_shared ? 0 : block);
  }
  const nn::Linear& outer(int64_t block) const { return shared_ ? *shared_ : *outer_[index(block)]; }

  PromptGeneratorOptions options_;
  std::shared_ptr<nn::Linear> shared_, embedding_;          // null where the options leave them out
  std::vector<std::shared_ptr<nn::Linear>> inner_, outer_;  // by block; fully_shared: one
  at::Tensor patch_weight_, patch_bias_;                    // [r, 3, patch, patch], [r]
};

}  // namespace cambium::sam_adapter
