#pragma once
// The mask decoder's transformer: tokens attend to themselves and to the image, the image to the tokens
// (arXiv 2304.02643, appendix A).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/sam/options.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace cambium::sam {

// Multi-head attention with separate projections to `internal` and back.
class DecoderAttention : public torch::nn::Module {
 public:
  DecoderAttention(int64_t width, int64_t internal, int64_t heads);

  // Projected q [G, Tq, internal], k and v [G, Tk, internal] -> [G, Tq, internal], before out_proj
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;
  // Tokens [B, T, C] to the image's k and v [I | B, Tk, internal], I dividing B -> [B, T, internal]
  at::Tensor from_tokens(const at::Tensor& queries, const at::Tensor& k, const at::Tensor& v) const;
  void initialize(at::Generator& generator);

  const std::shared_ptr<nn::Linear>& q_proj() const { return q_proj_; }
  const std::shared_ptr<nn::Linear>& k_proj() const { return k_proj_; }
  const std::shared_ptr<nn::Linear>& v_proj() const { return v_proj_; }
  const std::shared_ptr<nn::Linear>& out_proj() const { return out_proj_; }

 private:
  int64_t heads_;
  std::shared_ptr<nn::Linear> q_proj_, k_proj_, v_proj_, out_proj_;
};

class TwoWayBlock;

class TwoWayTransformer : public torch::nn::Module {
 public:
  explicit TwoWayTransformer(const MaskDecoderOptions& options);
  ~TwoWayTransformer() override;

  struct Output {
    at::Tensor tokens;  // [B, T, C]
    at::Tensor image;   // [B, h * w, C]
  };
  // What a layer's attention reads of the image.
  struct ImageSide {
    at::Tensor k, v;  // for the tokens, [I | B, h * w, internal]
    at::Tensor q;     // to the tokens; undefined for the last attention
  };
  // The projections of one layer's image side as one product, and what the positions (and biases) add to it.
  struct FusedSide {
    std::shared_ptr<nn::Linear> linear;  // C to 2 or 3 * internal
    at::Tensor place;                    // [1, h * w, 2 or 3 * internal]
  };
  // For inference prompt by prompt: every layer's projections fused, the last attention's behind them.
  using Plan = std::vector<FusedSide>;
  // An image as the first layer sees it, which is the same for all of its prompts.
  struct Image {
    at::Tensor rows;      // [I, h * w, C]
    at::Tensor position;  // [1, h * w, C]
    ImageSide first = {};
    const Plan* plan = nullptr;
  };

  // Without gradients. position [1, h * w, C]; empty where a layer is adapted, whose term cannot be fused.
  Plan plan(const at::Tensor& position) const;
  // rows [I, h * w, C]; with a plan I must be 1.
  Image prepare(const at::Tensor& rows, const at::Tensor& position, const Plan* plan = nullptr) const;
  // tokens [B, T, C], I dividing B: prompts of one image stand together. With a plan B must be 1.
  Output forward(const Image& image, const at::Tensor& tokens) const;
  void initialize(at::Generator& generator);

 private:
  std::vector<std::shared_ptr<TwoWayBlock>> layers_;
  std::shared_ptr<DecoderAttention> final_attention_;
  std::shared_ptr<nn::LayerNorm> norm_final_;
};

}  // namespace cambium::sam
