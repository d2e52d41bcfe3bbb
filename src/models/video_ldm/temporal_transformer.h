#pragma once
// The temporal blocks inside one transformer of the image model (section 3.1, figure 4; the layout is Stable Video
// Diffusion's).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <vector>

#include "models/video_ldm/time_mixer.h"
#include "nn/cross_attention.h"
#include "nn/feed_forward.h"
#include "nn/layer_norm.h"
#include "nn/timestep_embedding.h"

namespace cambium::video_ldm {

struct TemporalTransformerOptions {
  int64_t width = 0, heads = 1;
  int64_t context_width = 0;  // of the text
  int64_t depth = 1;          // blocks, one behind each spatial one
  TemporalOptions mixing = {};
};

// m += ff_in(LN m); m += attn1(LN m) over the frames; m += attn2(LN m) to the video's text; m += ff(LN m).
class TemporalBlock : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit TemporalBlock(const TemporalTransformerOptions& options);

  // m [b * t, n, C], text [b, L, C] (project_text) -> [b * t, n, C]. `reach`: frames see frames at most so far away.
  at::Tensor forward(at::Tensor m, int64_t frames, const nn::KeysValues& text, std::optional<int64_t> reach) const;

  // The text of a video has one set of keys and values for all frames and pixels. context [b, L, context_width]
  nn::KeysValues project_text(const at::Tensor& context) const { return attn2_->project(context); }
  // Every last layer of a branch to 0: then the block changes nothing.
  void silence();
  // What `forward` reads: not the parameters that project_text reads.
  std::vector<at::Tensor> parameters_read() const;

 private:
  at::Tensor attend_over_time(const at::Tensor& x, const at::Tensor& residual, int64_t frames,
                              std::optional<int64_t> reach) const;

  std::shared_ptr<nn::LayerNorm> norm_in_, norm1_, norm2_, norm3_;
  std::shared_ptr<nn::FeedForward> ff_in_, ff_;
  std::shared_ptr<nn::Attention> attn1_, attn2_;
};

// The blocks of one place, with the positions and the mix that they share.
class TemporalTransformer : public torch::nn::Module {
 public:
  explicit TemporalTransformer(const TemporalTransformerOptions& options);

  // What is constant as long as the text and the frames' positions are. text [b, L, context_width], positions [t] ->
  // in text's dtype
  struct Conditions {
    at::Tensor positions;              // [t, 1, C]
    std::vector<nn::KeysValues> text;  // one a block
  };
  Conditions condition(const at::Tensor& text, const at::Tensor& positions) const;

  // Behind spatial block `depth`. tokens [b * t, n, C], image_only [b, t] or undefined -> [b * t, n, C]
  at::Tensor forward(const at::Tensor& tokens, int64_t depth, int64_t frames, const Conditions& conditions,
                     const at::Tensor& image_only, std::optional<int64_t> reach) const;

  void silence();
  std::vector<at::Tensor> parameters_read() const;

 private:
  int64_t width_;
  std::vector<std::shared_ptr<TemporalBlock>> blocks_;
  std::shared_ptr<nn::TimestepEmbedding> time_pos_embed_;
  std::shared_ptr<TimeMixer> time_mixer_;
};

}  // namespace cambium::video_ldm
