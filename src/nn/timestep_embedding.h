#pragma once
// Numbers as vectors: diffusion times, frame numbers, rates.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "nn/linear.h"

namespace cambium::nn {

// [cos(t f_0), ..., sin(t f_0), ...] with f_i = 10000^(-i / (width / 2)): cosines first, as in latent diffusion.
// t [...] of any dtype, fractions welcome; width even -> float32 [..., width]
at::Tensor sinusoidal_embedding(const at::Tensor& t, int64_t width);

struct TimestepEmbeddingOptions {
  int64_t in = 0, hidden = 0, out = 0;
};

// linear_2(SiLU(linear_1(x))), diffusers' TimestepEmbedding.
class TimestepEmbedding : public torch::nn::Module {
 public:
  explicit TimestepEmbedding(const TimestepEmbeddingOptions& options);

  // x [N, in] -> [N, out]
  at::Tensor forward(const at::Tensor& x) const;

  const std::shared_ptr<Linear>& linear_1() const { return linear_1_; }
  const std::shared_ptr<Linear>& linear_2() const { return linear_2_; }

 private:
  std::shared_ptr<Linear> linear_1_, linear_2_;
};

}  // namespace cambium::nn
