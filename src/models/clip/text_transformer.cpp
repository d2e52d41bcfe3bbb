#include "models/clip/text_transformer.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"
#include "core/random.h"
#include "io/dtype.h"

namespace cambium::clip {

at::Tensor pad_tokens(std::span<const std::vector<int32_t>> tokens, int64_t context) {
  if (tokens.empty()) throw Error({.what = "expected at least one text, got none"});
  int64_t longest = 0;
  for (const auto& ids : tokens) {
    if (ids.empty())
      throw Error({.what = "a text without tokens", .mend = "tokenize it: even an empty text has a start and an end"});
    longest = std::max(longest, std::min<int64_t>(context, static_cast<int64_t>(ids.size())));
  }
  at::Tensor padded = at::zeros({static_cast<int64_t>(tokens.size()), longest}, at::kLong);
  auto* row = padded.mutable_data_ptr<int64_t>();
  for (const auto& ids : tokens) {
    const int64_t length = std::min<int64_t>(context, static_cast<int64_t>(ids.size()));
    std::copy_n(ids.begin(), length, row);
    row[length - 1] = ids.back();
    row += longest;
  }
  return padded;
}

TextTransformer::TextTransformer(const TextTransformerOptions& options) : options_(options) {
  options.validate();
  posit_embed_ = register_parameter("posit_embed", at::empty({options.context, options.width}));
  // In the originals' state dict; the computation asks for causal attention instead.
  register_buffer("attn_mask", at::ones({options.context, options.context}, at::kBool).triu_(1));
  auto embedding = std::make_shared<torch::nn::Module>("token_embed");
  token_embed_ = embedding->register_parameter("weight", at::empty({options.vocabulary, options.width}));
  register_module("token_embed", embedding);
  auto blocks = std::make_shared<torch::nn::Module>("resblocks");
  for (int64_t i = 0; i < options.layers; ++i) {
    blocks_.push_back(blocks->register_module(
        std::to_string(i), std::make_shared<Block>(BlockOptions{.width = options.width,
                                                                .heads = options.heads,
                                                                .hidden = options.hidden(),
                                                                .activation = options.activation,
                                                                .causal = true,
                                                                .names = nn::SelfAttentionOptions::Names::torch})));
  }
  register_module("resblocks", blocks);
  ln_final_ =
      register_module("ln_final", std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = options.width}));
}

at::Tensor TextTransformer::embed(const at::Tensor& ids, c10::ScalarType dtype) const {
  if (ids.dim() != 2 || ids.size(1) < 1 || ids.size(1) > options_.context) {
    throw Error({.what = "expected token ids of shape [B, T] with T at most " + std::to_string(options_.context) +
                         ", got " + io::shape_text(ids.sizes())});
  }
  const at::Tensor positions = posit_embed_.narrow(0, 0, ids.size(1));  // [T, W]
  return (at::embedding(token_embed_, ids) + positions).to(dtype);      // [B, T, W]
}

at::Tensor TextTransformer::forward(const at::Tensor& ids, c10::ScalarType dtype) {
  // Only the end of text leaves the tower, so the last block computes nothing else.
  const at::Tensor x =
      run_blocks(std::span(blocks_).first(blocks_.size() - 1), embed(ids, dtype), options_.checkpointing);  // [B, T, W]
  return ln_final_->forward(blocks_.back()->forward_at(x, ids.argmax(1)).squeeze(1));                       // [B, W]
}

at::Tensor TextTransformer::forward_tokens(const at::Tensor& ids, c10::ScalarType dtype) {
  return ln_final_->forward(run_blocks(blocks_, embed(ids, dtype), options_.checkpointing));
}

std::vector<at::Tensor> TextTransformer::hidden_states(const at::Tensor& ids, c10::ScalarType dtype) {
  std::vector<at::Tensor> states = {embed(ids, dtype)};
  for (const auto& block : blocks_) states.push_back(block->forward(states.back()));
  return states;
}

void TextTransformer::initialize(at::Generator& generator) {
  const auto width = static_cast<double>(options_.width), layers = static_cast<double>(options_.layers);
  const double proj_std = 1 / std::sqrt(2 * width * layers), fc_std = 1 / std::sqrt(2 * width);
  normal_(token_embed_, 0, 0.02, generator);
  normal_(posit_embed_, 0, 0.01, generator);
  const at::NoGradGuard no_grad;
  const auto fill_norm = [](nn::LayerNorm& norm) {
    norm.weight.fill_(1);
    norm.bias.zero_();
  };
  // PyTorch's Linear default: uniform within fan_in^-1/2.
  const auto fill_bias = [&](nn::Linear& layer) {
    const double bound = 1 / std::sqrt(static_cast<double>(layer.options().in));
    uniform_(layer.bias, -bound, bound, generator);
  };
  for (const auto& block : blocks_) {
    normal_(block->attention()->qkv()->weight, 0, 1 / std::sqrt(width), generator);
    block->attention()->qkv()->bias.zero_();
    normal_(block->attention()->proj()->weight, 0, proj_std, generator);
    block->attention()->proj()->bias.zero_();
    normal_(block->mlp()->first()->weight, 0, fc_std, generator);
    fill_bias(*block->mlp()->first());
    normal_(block->mlp()->second()->weight, 0, proj_std, generator);
    fill_bias(*block->mlp()->second());
    fill_norm(*block->norm1());
    fill_norm(*block->norm2());
  }
  fill_norm(*ln_final_);
}

}  // namespace cambium::clip
