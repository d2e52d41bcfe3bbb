#include "models/video_ldm/temporal_transformer.h"

#include "models/video_ldm/frames.h"
#include "models/video_ldm/temporal_attention.h"
#include "nn/module_path.h"

namespace cambium::video_ldm {

namespace {

void append(std::vector<at::Tensor>& to, const std::vector<at::Tensor>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void zero(nn::Linear& layer) {
  const at::NoGradGuard no_grad;
  layer.weight.zero_();
  if (layer.bias.defined()) layer.bias.zero_();
}

}  // namespace

TemporalBlock::TemporalBlock(const TemporalTransformerOptions& options) {
  const auto norm = [&](const char* name) {
    return register_module(name, std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = options.width}));
  };
  const auto feed_forward = [&](const char* name) {
    return register_module(name, std::make_shared<nn::FeedForward>(nn::FeedForwardOptions{.width = options.width}));
  };
  const auto attention = [&](const char* name, int64_t context_width) {
    return register_module(name, std::make_shared<nn::Attention>(nn::CrossAttentionOptions{
                                     .width = options.width, .heads = options.heads, .context_width = context_width}));
  };
  norm_in_ = norm("norm_in");
  ff_in_ = feed_forward("ff_in");
  norm1_ = norm("norm1");
  attn1_ = attention("attn1", 0);
  norm2_ = norm("norm2");
  attn2_ = attention("attn2", options.context_width);
  norm3_ = norm("norm3");
  ff_ = feed_forward("ff");
}

at::Tensor TemporalBlock::attend_over_time(const at::Tensor& x, const at::Tensor& residual, int64_t frames,
                                           std::optional<int64_t> reach) const {
  const at::Tensor y = temporal_attention(attn1_->to_q()->forward(x), attn1_->to_k()->forward(x),
                                          attn1_->to_v()->forward(x), frames, attn1_->options().heads, reach);
  return attn1_->to_out()->forward_add(y, residual);
}

at::Tensor TemporalBlock::forward(at::Tensor m, int64_t frames, const nn::KeysValues& text,
                                  std::optional<int64_t> reach) const {
  const auto shape = m.sizes().vec();
  m = ff_in_->forward_add(norm_in_->forward(m), m);
  m = attend_over_time(norm1_->forward(m), m, frames, reach);
  // All pixels of all frames ask the same text: one sequence of t * n queries a video.
  m = unfold_frames(m, frames).flatten(1, 2);  // [b, t * n, C]
  m = attn2_->forward_add(norm2_->forward(m), m, text);
  return ff_->forward_add(norm3_->forward(m), m).view(shape);
}

void TemporalBlock::silence() {
  zero(*ff_in_->second());
  zero(*attn1_->to_out());
  zero(*attn2_->to_out());
  zero(*ff_->second());
}

std::vector<at::Tensor> TemporalBlock::parameters_read() const {
  std::vector<at::Tensor> all;
  for (const torch::nn::Module* part : std::initializer_list<const torch::nn::Module*>{
           norm_in_.get(), ff_in_.get(), norm1_.get(), attn1_.get(), norm2_.get(), attn2_->to_q().get(),
           attn2_->to_out().get(), norm3_.get(), ff_.get()})
    append(all, part->parameters());
  return all;
}

TemporalTransformer::TemporalTransformer(const TemporalTransformerOptions& options) : width_(options.width) {
  for (int64_t i = 0; i < options.depth; ++i)
    blocks_.push_back(nn::register_at(*this, "temporal_transformer_blocks." + std::to_string(i),
                                      std::make_shared<TemporalBlock>(options)));
  time_pos_embed_ =
      register_module("time_pos_embed", std::make_shared<nn::TimestepEmbedding>(nn::TimestepEmbeddingOptions{
                                            .in = width_, .hidden = 4 * width_, .out = width_}));
  time_mixer_ = register_module("time_mixer", std::make_shared<TimeMixer>(options.mixing));
}

TemporalTransformer::Conditions TemporalTransformer::condition(const at::Tensor& text,
                                                               const at::Tensor& positions) const {
  Conditions conditions;
  const at::Tensor waves = nn::sinusoidal_embedding(positions, width_).to(text.scalar_type());  // [t, C]
  conditions.positions = time_pos_embed_->forward(waves).unsqueeze(1);
  for (const auto& block : blocks_) conditions.text.push_back(block->project_text(text));
  return conditions;
}

at::Tensor TemporalTransformer::forward(const at::Tensor& tokens, int64_t depth, int64_t frames,
                                        const Conditions& conditions, const at::Tensor& image_only,
                                        std::optional<int64_t> reach) const {
  const auto at = static_cast<size_t>(depth);
  const at::Tensor placed = fold_frames(unfold_frames(tokens, frames) + conditions.positions);
  const at::Tensor m = blocks_.at(at)->forward(placed, frames, conditions.text.at(at), reach);
  return time_mixer_->mix(tokens, m, frames, image_only);
}

void TemporalTransformer::silence() {
  for (const auto& block : blocks_) block->silence();
  zero(*time_pos_embed_->linear_2());
}

std::vector<at::Tensor> TemporalTransformer::parameters_read() const {
  std::vector<at::Tensor> all = {time_mixer_->mix_factor};
  for (const auto& block : blocks_) append(all, block->parameters_read());
  return all;
}

}  // namespace cambium::video_ldm
