#include "models/sam/encoder_block.h"

#include <ATen/ops/empty.h>

#include "models/sam/relative_position.h"
#include "models/sam/windows.h"
#include "nn/attention.h"

namespace cambium::sam {

EncoderAttention::EncoderAttention(int64_t width, int64_t heads, int64_t window, int64_t grid)
    : heads_(heads), window_(window) {
  const int64_t side = window ? window : grid;
  rel_pos_h_ = register_parameter("rel_pos_h", at::empty({2 * side - 1, width / heads}));
  rel_pos_w_ = register_parameter("rel_pos_w", at::empty({2 * side - 1, width / heads}));
  qkv_ = register_module("qkv", std::make_shared<nn::Linear>(nn::LinearOptions{.in = width, .out = 3 * width}));
  proj_ = register_module("proj", std::make_shared<nn::Linear>(nn::LinearOptions{.in = width, .out = width}));
}

at::Tensor EncoderAttention::attend(const at::Tensor& packed, const at::Tensor& extra_keys) const {
  const int64_t count = packed.size(0), height = packed.size(1), width = packed.size(2);
  const auto table = [&](int64_t side, const at::Tensor& rows) {
    return get_rel_pos(side, side, rows).to(packed.scalar_type());
  };
  const nn::RelativePosition rel_pos{table(height, rel_pos_h_), table(width, rel_pos_w_)};
  const at::Tensor heads = packed.view({count, height * width, 3, heads_, -1});  // [N, T, 3, heads, D]
  at::Tensor out;
  if (extra_keys.defined()) {
    const at::Tensor extra = qkv_->forward(extra_keys).view({extra_keys.size(0), 3, heads_, -1}).permute({1, 2, 0, 3});
    const auto part = [&](int64_t i) { return heads.select(2, i).transpose(1, 2); };  // [N, heads, T, D]
    out = attention_with_extra_keys(part(0), part(1), part(2), extra[1], extra[2], rel_pos);
  } else {
    out = nn::self_attention(heads, {.rel_pos = rel_pos});
  }
  return out.view({count, height, width, -1});
}

at::Tensor EncoderAttention::forward_add(const at::Tensor& x, const at::Tensor& residual,
                                         const at::Tensor& extra_keys) const {
  const int64_t height = x.size(1), width = x.size(2);
  at::Tensor packed = qkv_->forward(x);  // [B, H, W, 3C]
  if (window_ == 0) return proj_->forward_add(attend(packed, extra_keys), residual);
  // A token of zeros is projected to the bias: so the padding need not be multiplied.
  packed = window_partition(packed, window_, qkv_->bias);  // [B * n, S, S, 3C]
  return proj_->forward_add(window_unpartition(attend(packed, extra_keys), height, width), residual);
}

EncoderBlock::EncoderBlock(const ImageEncoderOptions& options, bool global) {
  const nn::LayerNormOptions norm{.width = options.width, .eps = 1e-6};
  norm1_ = register_module("norm1", std::make_shared<nn::LayerNorm>(norm));
  attention_ = register_module("attn", std::make_shared<EncoderAttention>(options.width, options.heads,
                                                                          global ? 0 : options.window, options.grid()));
  norm2_ = register_module("norm2", std::make_shared<nn::LayerNorm>(norm));
  mlp_ = register_module("mlp",
                         std::make_shared<nn::Mlp>(nn::MlpOptions{
                             .width = options.width, .hidden = options.hidden(), .first = "lin1", .second = "lin2"}));
}

at::Tensor EncoderBlock::forward(const at::Tensor& x, const at::Tensor& extra_keys) const {
  const at::Tensor extra = extra_keys.defined() ? norm1_->forward(extra_keys.to(x.scalar_type())) : extra_keys;
  const at::Tensor y = attention_->forward_add(norm1_->forward(x), x, extra);
  return mlp_->forward_add(norm2_->forward(y), y);
}

}  // namespace cambium::sam
