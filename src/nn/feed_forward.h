#pragma once
// The feed-forward layer with a gated GELU (GEGLU, arXiv 2002.05202) of latent diffusion's transformers.
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "nn/linear.h"

namespace cambium::nn {

struct FeedForwardOptions {
  int64_t width = 0;
  int64_t out = 0;     // 0: width
  int64_t factor = 4;  // hidden channels to one channel of the input
};

// net.2(a * gelu(g)) with [a, g] = net.0.proj(x): the value first, then the gate; exact GELU.
class FeedForward : public torch::nn::Module {
 public:
  explicit FeedForward(const FeedForwardOptions& options);

  // x [..., W] -> [..., out]
  at::Tensor forward(const at::Tensor& x) const;
  // forward(x) + residual
  at::Tensor forward_add(const at::Tensor& x, const at::Tensor& residual) const;

  const std::shared_ptr<Linear>& first() const { return first_; }    // net.0.proj: W -> 2 hidden
  const std::shared_ptr<Linear>& second() const { return second_; }  // net.2: hidden -> out

 private:
  at::Tensor hidden(const at::Tensor& x) const;

  std::shared_ptr<Linear> first_, second_;
};

}  // namespace cambium::nn
