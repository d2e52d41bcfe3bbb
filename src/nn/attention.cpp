#include "nn/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"

namespace cambium::nn {

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options) {
  const at::Tensor y = at::scaled_dot_product_attention(q, k, v, options.mask.defined() ? std::optional<at::Tensor>(options.mask) : std::nullopt, /*dropout_p=*/0.0, options.causal,
                                                        options.scale);  // [B, H, Tq, D]
  // The kernel writes [B, Tq, H, D], so this flatten is a view.
  return y.transpose(1, 2).flatten(2);  // [B, Tq, H * D]
}

at::Tensor select_positions(const at::Tensor& x, const at::Tensor& positions) {
  if (!positions.defined()) return x.narrow(1, 0, 1);
  const int64_t batch = x.size(0), tokens = x.size(1);
  const at::Tensor rows = at::arange(batch, positions.options()).mul_(tokens).add_(positions);
  return x.reshape({batch * tokens, -1}).index_select(0, rows).unsqueeze(1);
}

void SelfAttentionOptions::validate() const {
  if (width <= 0 || heads <= 0 || width % heads != 0) {
    throw UsageError({.what = "width " + std::to_string(width) + " does not divide into " + std::to_string(heads) + " heads",
                      .field = "heads"});
  }
}

SelfAttention::SelfAttention(const SelfAttentionOptions& options) : options_(options) {
  options.validate();
  qkv_ = std::make_shared<Linear>(LinearOptions{.in = options.width, .out = 3 * options.width});
  proj_ = std::make_shared<Linear>(LinearOptions{.in = options.width, .out = options.width});
  if (options.names == SelfAttentionOptions::Names::timm) {
    register_module("qkv", qkv_);
    register_module("proj", proj_);
  } else {
    // torch.nn.MultiheadAttention holds the packed projection's tensors itself.
    register_parameter("in_proj_weight", qkv_->weight);
    register_parameter("in_proj_bias", qkv_->bias);
    register_module("out_proj", proj_);
  }
}

at::Tensor SelfAttention::attend(const at::Tensor& x) const {
  const int64_t batch = x.size(0), tokens = x.size(1), heads = options_.heads;
  const at::Tensor packed = qkv_->forward(x).view({batch, tokens, 3, heads, -1});  // [B, T, 3, H, D]
  // Views only; unbind's backward is one stack.
  const auto parts = packed.unbind(2);
  return attention(parts[0].transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2),
                   {.causal = options_.causal});  // [B, T, W]
}

at::Tensor SelfAttention::forward(const at::Tensor& x) const { return proj_->forward(attend(x)); }

at::Tensor SelfAttention::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  return proj_->forward_add(attend(x), residual);
}

at::Tensor SelfAttention::forward_at(const at::Tensor& x, const at::Tensor& positions) const {
  const int64_t batch = x.size(0), tokens = x.size(1), heads = options_.heads;
  const at::Tensor packed = qkv_->forward(x);                                        // [B, T, 3 W]
  const auto parts = packed.view({batch, tokens, 3, heads, -1}).unbind(2);           // 3 of [B, T, H, D]
  const at::Tensor q = select_positions(packed.narrow(2, 0, options_.width), positions).view({batch, 1, heads, -1});
  AttentionOptions options;
  if (options_.causal && tokens > 1) {
    const at::Tensor last = positions.defined() ? positions.view({batch, 1, 1, 1}) : at::zeros({1, 1, 1, 1}, at::kLong);
    options.mask = at::arange(tokens, last.options()).view({1, 1, 1, tokens}).le(last);  // [B, 1, 1, T]
  }
  return proj_->forward(attention(q.transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2), options));  // [B, 1, W]
}

}  // namespace cambium::nn
