#include "nn/feed_forward.h"

#include "nn/kernels/elementwise.h"
#include "nn/module_path.h"

namespace cambium::nn {

FeedForward::FeedForward(const FeedForwardOptions& options) {
  const int64_t hidden = options.factor * options.width, out = options.out > 0 ? options.out : options.width;
  first_ =
      register_at(*this, "net.0.proj", std::make_shared<Linear>(LinearOptions{.in = options.width, .out = 2 * hidden}));
  // Position 1 of the original's sequence is a dropout.
  second_ = register_at(*this, "net.2", std::make_shared<Linear>(LinearOptions{.in = hidden, .out = out}));
}

at::Tensor FeedForward::hidden(const at::Tensor& x) const {
  const at::Tensor both = first_->forward(x);  // [..., 2 hidden]
  if (kernels::geglu_takes(both)) return kernels::geglu(both);
  const auto parts = both.chunk(2, -1);
  return parts[0] * activate(parts[1], Activation::gelu);  // [..., hidden]
}

at::Tensor FeedForward::forward(const at::Tensor& x) const { return second_->forward(hidden(x)); }

at::Tensor FeedForward::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  return second_->forward_add(hidden(x), residual);
}

}  // namespace cambium::nn
