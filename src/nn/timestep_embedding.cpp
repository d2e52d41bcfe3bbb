#include "nn/timestep_embedding.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>

#include <cmath>

#include "core/error.h"

namespace cambium::nn {

at::Tensor sinusoidal_embedding(const at::Tensor& t, int64_t width) {
  if (width < 2 || width % 2 != 0)
    throw Error({.what = "sines and cosines need an even width, got " + std::to_string(width)});
  const int64_t half = width / 2;
  const at::Tensor frequencies = (at::arange(half, at::TensorOptions(t.device()).dtype(at::kFloat)) *
                                  (-std::log(10000.0) / static_cast<double>(half)))
                                     .exp();
  const at::Tensor angles = t.to(at::kFloat).unsqueeze(-1) * frequencies;  // [..., width / 2]
  return at::cat({angles.cos(), angles.sin()}, -1);
}

TimestepEmbedding::TimestepEmbedding(const TimestepEmbeddingOptions& options) {
  linear_1_ =
      register_module("linear_1", std::make_shared<Linear>(LinearOptions{.in = options.in, .out = options.hidden}));
  linear_2_ =
      register_module("linear_2", std::make_shared<Linear>(LinearOptions{.in = options.hidden, .out = options.out}));
}

at::Tensor TimestepEmbedding::forward(const at::Tensor& x) const {
  return linear_2_->forward(at::silu(linear_1_->forward(x)));
}

}  // namespace cambium::nn
