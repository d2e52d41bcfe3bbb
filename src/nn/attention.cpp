#include "nn/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>

#include "core/error.h"
#include "io/dtype.h"
#include "nn/kernels/fused_attention.h"
#include "nn/plain_attention.h"

namespace cambium::nn {

namespace {

void check_relative(const RelativePosition& rel, const at::Tensor& q, const at::Tensor& k) {
  const auto fits = [&](const at::Tensor& t) { return t.defined() && t.dim() == 3 && t.size(2) == q.size(3); };
  if (fits(rel.height) && fits(rel.width) && rel.height.size(0) * rel.width.size(0) == q.size(2) &&
      rel.height.size(1) * rel.width.size(1) == k.size(2))
    return;
  const auto shape = [](const at::Tensor& t) { return t.defined() ? io::shape_text(t.sizes()) : std::string("none"); };
  throw Error({.what = "relative positions of " + shape(rel.height) + " and " + shape(rel.width) +
                       " do not fit queries " + shape(q) + " and keys " + shape(k),
               .field = "rel_pos"});
}

kernels::FusedAttentionOptions kernel_options(const AttentionOptions& options, int64_t head_dim) {
  return {.causal = options.causal,
          .scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(head_dim))),
          .key_lengths = options.key_lengths,
          .key_mask = options.key_mask,
          .height = options.rel_pos.height,
          .width = options.rel_pos.width};
}

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options) {
  if (options.rel_pos.defined()) check_relative(options.rel_pos, q, k);
  if (!kernels::fused_attention_takes(q, k, v)) return plain_attention(q, k, v, options);
  return kernels::fused_attention(q, k, v, kernel_options(options, q.size(3)));
}

at::Tensor self_attention(const at::Tensor& packed, const AttentionOptions& options) {
  // Views only; unbind's backward is one stack.
  const auto parts = packed.unbind(2);
  const at::Tensor q = parts[0].transpose(1, 2), k = parts[1].transpose(1, 2), v = parts[2].transpose(1, 2);
  if (!kernels::fused_attention_takes(q, k, v)) return attention(q, k, v, options);
  if (options.rel_pos.defined()) check_relative(options.rel_pos, q, k);
  return kernels::fused_self_attention(packed, kernel_options(options, packed.size(4)));
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
  return self_attention(qkv_->forward(x).view({batch, tokens, 3, heads, -1}),
                        {.causal = options_.causal});  // [B, T, W]
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
