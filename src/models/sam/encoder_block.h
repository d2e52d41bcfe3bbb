#pragma once
// One block of the image encoder: x += attention(norm1(x)), within windows or over the whole image; x += mlp(norm2(x)).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "models/sam/options.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "nn/mlp.h"

namespace cambium::sam {

// Multi-head self-attention over a grid of tokens, with decomposed relative positions.
class EncoderAttention : public torch::nn::Module {
 public:
  // window 0: over the whole grid, of `grid` tokens a side where the tables were trained.
  EncoderAttention(int64_t width, int64_t heads, int64_t window, int64_t grid);

  // attention(x) + residual. x and residual [B, H, W, C] -> [B, H, W, C]. Windows are padded with tokens that are zero
  // before the projection and take part in attention, as in the original. extra_keys [N, C]: tokens that every query
  // attends to besides, without a relative position; undefined: none.
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& extra_keys = {}) const;

  const std::shared_ptr<nn::Linear>& qkv() const { return qkv_; }
  const std::shared_ptr<nn::Linear>& proj() const { return proj_; }
  const at::Tensor& rel_pos_h() const { return rel_pos_h_; }  // [2S - 1, D]
  const at::Tensor& rel_pos_w() const { return rel_pos_w_; }

 private:
  // packed [N, h, w, 3C] -> [N, h, w, C]
  at::Tensor attend(const at::Tensor& packed, const at::Tensor& extra_keys) const;

  int64_t heads_, window_;
  at::Tensor rel_pos_h_, rel_pos_w_;
  std::shared_ptr<nn::Linear> qkv_, proj_;
};

class EncoderBlock : public torch::nn::Module {
 public:
  EncoderBlock(const ImageEncoderOptions& options, bool global);

  // x [B, H, W, C] -> [B, H, W, C]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& extra_keys = {}) const;

  const std::shared_ptr<nn::LayerNorm>& norm1() const { return norm1_; }
  const std::shared_ptr<EncoderAttention>& attention() const { return attention_; }
  const std::shared_ptr<nn::LayerNorm>& norm2() const { return norm2_; }
  const std::shared_ptr<nn::Mlp>& mlp() const { return mlp_; }

 private:
  std::shared_ptr<nn::LayerNorm> norm1_, norm2_;
  std::shared_ptr<EncoderAttention> attention_;
  std::shared_ptr<nn::Mlp> mlp_;
};

}  // namespace cambium::sam
