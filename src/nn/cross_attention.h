#pragma once
// Attention with separate projections of queries, keys and values, to oneself or to a context: diffusers' Attention.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <utility>

#include "nn/attention.h"
#include "nn/joint_projection.h"
#include "nn/linear.h"

namespace cambium::nn {

struct CrossAttentionOptions {
  int64_t width = 0;
  int64_t heads = 1;
  int64_t context_width = 0;     // 0: keys and values come from the queries' tokens
  bool projection_bias = false;  // to_q, to_k and to_v have one too

  // UsageError where the heads do not divide the width.
  void validate() const;
};

// What a context becomes: constant as long as the context is, so that it can be kept over the steps of a sampler.
struct KeysValues {
  at::Tensor keys = {}, values = {};  // [B, L, W], heads one behind the other

  bool defined() const { return keys.defined(); }
};

// to_q, to_k and to_v (without bias, unless told), to_out.0 with one.
class Attention : public torch::nn::Module {
 public:
  explicit Attention(const CrossAttentionOptions& options);

  // x [N, T, W], context [B, L, context_width] (undefined: x itself) -> [N, T, W]. B divides N: each row of the context
  // serves N / B rows of x that follow each other, as the frames of a film do. `how`: masks, as in nn::attention; then
  // B is N.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& context = {}, const AttentionOptions& how = {}) const;
  // forward(x, context) + residual
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& context = {}) const;

  // The same in two steps. context [B, L, context_width, or W where there is no context]
  KeysValues project(const at::Tensor& context) const;
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual, const KeysValues& projected) const;

  const CrossAttentionOptions& options() const { return options_; }
  const std::shared_ptr<Linear>& to_q() const { return to_q_; }
  const std::shared_ptr<Linear>& to_k() const { return to_k_; }
  const std::shared_ptr<Linear>& to_v() const { return to_v_; }
  const std::shared_ptr<Linear>& to_out() const { return to_out_; }

 private:
  // [N, T, W] as [N, heads, T, D], a view.
  at::Tensor by_head(const at::Tensor& t) const;
  at::Tensor attend(const at::Tensor& x, const KeysValues& projected, const AttentionOptions& how) const;
  at::Tensor attend_to_self(const at::Tensor& x, const AttentionOptions& how) const;
  at::Tensor attend_to(const at::Tensor& x, const at::Tensor& context, const AttentionOptions& how) const;

  CrossAttentionOptions options_;
  std::shared_ptr<Linear> to_q_, to_k_, to_v_, to_out_;
  std::shared_ptr<JointProjection> joint_ = std::make_shared<JointProjection>();  // of queries, keys and values
};

}  // namespace cambium::nn
