#pragma once
// The mask decoder's transformer: tokens attend to themselves and to the image, the image to the tokens
// (arXiv 2304.02643, appendix A).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <utility>
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
  // image [I | B, h * w, C]: with I rows (I divides B), one serves the B / I prompts that stand together; position
  // [1, h * w, C]; tokens [B, T, C].
  Output forward(const at::Tensor& image, const at::Tensor& position, const at::Tensor& tokens) const;
  void initialize(at::Generator& generator);

 private:
  std::vector<std::shared_ptr<TwoWayBlock>> layers_;
  std::shared_ptr<DecoderAttention> final_attention_;
  std::shared_ptr<nn::LayerNorm> norm_final_;
};

}  // namespace cambium::sam
