#include "models/clip/block.h"

#include "nn/checkpoint.h"

namespace cambium::clip {

Block::Block(const BlockOptions& options) {
  const bool timm = options.names == nn::SelfAttentionOptions::Names::timm;
  const auto norm = [&] { return std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = options.width}); };
  const auto make_attention = [&] {
    attention_ = std::make_shared<nn::SelfAttention>(nn::SelfAttentionOptions{
        .width = options.width, .heads = options.heads, .causal = options.causal, .names = options.names});
    register_module("attn", attention_);
  };
  // Registered in the order of the original's state dict.
  if (timm) {
    norm1_ = register_module("norm1", norm());
    make_attention();
  } else {
    make_attention();
    norm1_ = register_module("ln_1", norm());
  }
  if (timm) norm2_ = register_module("norm2", norm());
  mlp_ = register_module("mlp", std::make_shared<nn::Mlp>(nn::MlpOptions{.width = options.width,
                                                                         .hidden = options.hidden,
                                                                         .activation = options.activation,
                                                                         .first = timm ? "fc1" : "c_fc",
                                                                         .second = timm ? "fc2" : "c_proj"}));
  if (!timm) norm2_ = register_module("ln_2", norm());
}

at::Tensor Block::forward(const at::Tensor& x) const {
  const at::Tensor h = attention_->forward_add(norm1_->forward(x), x);  // [B, T, W]
  return mlp_->forward_add(norm2_->forward(h), h);                      // [B, T, W]
}

at::Tensor Block::forward_at(const at::Tensor& x, const at::Tensor& positions) const {
  const at::Tensor own = nn::select_positions(x, positions);                         // [B, 1, W]
  const at::Tensor h = attention_->forward_at(norm1_->forward(x), positions) + own;  // [B, 1, W]
  return mlp_->forward_add(norm2_->forward(h), h);                                   // [B, 1, W]
}

at::Tensor run_blocks(std::span<const std::shared_ptr<Block>> blocks, at::Tensor x, bool checkpointing) {
  for (const auto& block : blocks) {
    x = checkpointing
            ? nn::checkpoint([block](const at::Tensor& t) { return block->forward(t); }, x, block->parameters())
            : block->forward(x);
  }
  return x;
}

}  // namespace cambium::clip
