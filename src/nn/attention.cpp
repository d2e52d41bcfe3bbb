#include "nn/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "core/error.h"
#include "nn/kernels/fused_attention.h"

namespace cambium::nn {

namespace {

// Boolean, true where a row sees the key. lengths [B] -> [B, 1, 1, Tk]
at::Tensor length_mask(const at::Tensor& lengths, int64_t keys) {
  return at::arange(keys, lengths.options()).view({1, 1, 1, keys}).lt(lengths.view({-1, 1, 1, 1}));
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options) {
  if (kernels::fused_attention_takes(q, k, v)) {
    const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3))));
    return kernels::fused_attention(q, k, v,
                                    {.causal = options.causal, .scale = scale, .key_lengths = options.key_lengths});
  }
  std::optional<at::Tensor> mask;
  if (options.key_lengths.defined()) mask = length_mask(options.key_lengths, k.size(2));
  const at::Tensor y = at::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0.0, options.causal,
                                                        options.scale);  // [B, H, Tq, D]
  // The kernel writes [B, Tq, H, D], so this flatten is a view.
  return y.transpose(1, 2).flatten(2);  // [B, Tq, H * D]
}

at::Tensor self_attention(const at::Tensor& packed, bool causal) {
  // Views only; unbind's backward is one stack.
  const auto parts = packed.unbind(2);
  const at::Tensor q = parts[0].transpose(1, 2), k = parts[1].transpose(1, 2), v = parts[2].transpose(1, 2);
  if (!kernels::fused_attention_takes(q, k, v)) return attention(q, k, v, {.causal = causal});
  return kernels::fused_self_attention(packed,
                                       {.causal = causal, .scale = 1 / std::sqrt(static_cast<double>(packed.size(4)))});
}

at::Tensor select_positions(const at::Tensor& x, const at::Tensor& positions) {
  if (!positions.defined()) return x.narrow(1, 0, 1);
  const int64_t batch = x.size(0), tokens = x.size(1);
  const at::Tensor rows = at::arange(batch, positions.options()).mul_(tokens).add_(positions);
  return x.reshape({batch * tokens, -1}).index_select(0, rows).unsqueeze(1);
}

void SelfAttentionOptions::validate() const {
  if (width <= 0 || heads <= 0 || width % heads != 0) {
    throw UsageError(
        {.what = "width " + std::to_string(width) + " does not divide into " + std::to_string(heads) + " heads",
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
  return self_attention(qkv_->forward(x).view({batch, tokens, 3, heads, -1}), options_.causal);  // [B, T, W]
}

at::Tensor SelfAttention::forward(const at::Tensor& x) const { return proj_->forward(attend(x)); }

at::Tensor SelfAttention::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  return proj_->forward_add(attend(x), residual);
}

at::Tensor SelfAttention::forward_at(const at::Tensor& x, const at::Tensor& positions) const {
  const int64_t batch = x.size(0), tokens = x.size(1), heads = options_.heads;
  const at::Tensor packed = qkv_->forward(x);                               // [B, T, 3 W]
  const auto parts = packed.view({batch, tokens, 3, heads, -1}).unbind(2);  // 3 of [B, T, H, D]
  const at::Tensor q = select_positions(packed.narrow(2, 0, options_.width), positions).view({batch, 1, heads, -1});
  AttentionOptions options;
  if (options_.causal)
    options.key_lengths =
        positions.defined() ? positions + 1 : at::ones({batch}, at::TensorOptions(x.device()).dtype(at::kLong));
  return proj_->forward(
      attention(q.transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2), options));  // [B, 1, W]
}

}  // namespace cambium::nn
