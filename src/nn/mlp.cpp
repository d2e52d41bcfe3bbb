#include "nn/mlp.h"

#include "core/error.h"

namespace cambium::nn {

void MlpOptions::validate() const {
  if (width <= 0 || hidden <= 0) {
    throw UsageError(
        {.what = "an MLP needs positive widths, got " + std::to_string(width) + " and " + std::to_string(hidden),
         .field = "mlp_width"});
  }
}

Mlp::Mlp(const MlpOptions& options) : options_(options) {
  options.validate();
  first_ = register_module(options.first,
                           std::make_shared<Linear>(LinearOptions{.in = options.width, .out = options.hidden}));
  second_ = register_module(options.second,
                            std::make_shared<Linear>(LinearOptions{.in = options.hidden, .out = options.width}));
}

at::Tensor Mlp::hidden(const at::Tensor& x) const { return first_->forward(x, options_.activation); }

at::Tensor Mlp::forward(const at::Tensor& x) const { return second_->forward(hidden(x)); }

at::Tensor Mlp::forward_add(const at::Tensor& x, const at::Tensor& residual) const {
  return second_->forward_add(hidden(x), residual);
}

}  // namespace cambium::nn
