#pragma once
// The spatial transformer of an image U-Net: its pixels as tokens that attend to each other and to the context.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/latent_diffusion/injection.h"
#include "models/latent_diffusion/transformer_block.h"
#include "nn/conv2d.h"
#include "nn/group_norm.h"
#include "nn/linear.h"

namespace cambium::latent_diffusion {

struct TransformerOptions {
  int64_t channels = 0;
  int64_t heads = 1;
  int64_t depth = 1;
  int64_t context_width = 0;
  bool only_cross_attention = false;
  bool linear_projection = false;  // proj_in and proj_out: linear or 1x1 convolutions, the same numbers
  int64_t groups = 32;
};

// norm (eps 1e-6), proj_in, transformer_blocks.{d}, proj_out (diffusers' Transformer2DModel).
class Transformer : public torch::nn::Module {
 public:
  explicit Transformer(const TransformerOptions& options);

  // x [N, C, h, w] -> the same. context: of each block, as `project` gives it. injection (or null) is called for
  // `place` behind each block.
  at::Tensor forward(const at::Tensor& x, const std::vector<BlockContext>& context, const Injection* injection,
                     int64_t place) const;
  // context [B, L, context_width]
  std::vector<BlockContext> project(const at::Tensor& context) const;

 private:
  at::Tensor project_in(const at::Tensor& x) const;
  at::Tensor project_out(const at::Tensor& tokens, const at::Tensor& x) const;

  std::shared_ptr<nn::GroupNorm> norm_;
  // One pair or the other.
  std::shared_ptr<nn::Linear> linear_in_, linear_out_;
  std::shared_ptr<nn::Conv2d> conv_in_, conv_out_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
};

}  // namespace cambium::latent_diffusion
