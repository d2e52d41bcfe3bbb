#pragma once
// Visual prompt tuning (Jia et al. 2022, arXiv 2203.12119), its deep form, for an encoder with windows and relative
// positions: every block's tokens attend to learned ones as well, which have no place and so no positional bias.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <vector>

#include "models/sam/injection.h"

namespace cambium::sam_adapter {

class VisualPrompts : public torch::nn::Module, public sam::Injection {
 public:
  // `tokens` for each of `depth` blocks, of the encoder's width. Allocated, not filled.
  VisualPrompts(int64_t tokens, int64_t depth, int64_t width, int64_t patch);

  // The original's: uniform within sqrt(6 / (3 patch^2 + width)).
  void initialize(at::Generator& generator);

  at::Tensor prepare(const at::Tensor& patches, const at::Tensor& image) const override;
  at::Tensor before_block(int64_t block, const at::Tensor& state) const override;
  at::Tensor key_tokens(int64_t block, const at::Tensor& state) const override;
  std::vector<at::Tensor> block_parameters(int64_t block) const override;

  at::Tensor prompts;  // [depth, N, C]

 private:
  int64_t patch_;
};

}  // namespace cambium::sam_adapter
