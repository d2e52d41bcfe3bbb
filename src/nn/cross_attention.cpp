#include "nn/cross_attention.h"

#include "core/error.h"
#include "nn/module_path.h"

namespace cambium::nn {

void CrossAttentionOptions::validate() const {
  if (width < 1 || heads < 1 || width % heads != 0)
    throw UsageError(
        {.what = "width " + std::to_string(width) + " does not divide into " + std::to_string(heads) + " heads",
         .field = "heads"});
}

Attention::Attention(const CrossAttentionOptions& options) : options_(options) {
  options.validate();
  const int64_t width = options.width, source = options.context_width > 0 ? options.context_width : width;
  const auto projection = [&](const char* name, int64_t in) {
    return register_module(
        name, std::make_shared<Linear>(LinearOptions{.in = in, .out = width, .bias = options.projection_bias}));
  };
  to_q_ = projection("to_q", width);
  to_k_ = projection("to_k", source);
  to_v_ = projection("to_v", source);
  // Position 1 of the original's list is a dropout.
  to_out_ = register_at(*this, "to_out.0", std::make_shared<Linear>(LinearOptions{.in = width, .out = width}));
}

KeysValues Attention::project(const at::Tensor& context) const {
  return {.keys = to_k_->forward(context), .values = to_v_->forward(context)};
}

at::Tensor Attention::by_head(const at::Tensor& t) const {
  return t.view({t.size(0), t.size(1), options_.heads, -1}).transpose(1, 2);
}

at::Tensor Attention::attend(const at::Tensor& x, const KeysValues& projected, const AttentionOptions& how) const {
  const int64_t batch = projected.keys.size(0);
  if (batch < 1 || x.size(0) % batch != 0)
    throw Error({.what = "a context of " + std::to_string(batch) + " rows does not divide over " +
                         std::to_string(x.size(0)) + " rows of tokens",
                 .field = "context"});
  // Rows that share their keys are one row of more queries.
  const at::Tensor q = to_q_->forward(x).view({batch, -1, x.size(2)});
  return attention(by_head(q), by_head(projected.keys), by_head(projected.values), how).view(x.sizes());  // [N, T, W]
}

at::Tensor Attention::attend_to_self(const at::Tensor& x, const AttentionOptions& how) const {
  const std::array<const Linear*, 3> layers = {to_q_.get(), to_k_.get(), to_v_.get()};
  if (!JointProjection::takes(x, layers)) return attend(x, project(x), how);
  const at::Tensor packed = joint_->forward(x, layers);  // [N, T, 3 W]
  return self_attention(packed.view({x.size(0), x.size(1), 3, options_.heads, -1}), how);
}

at::Tensor Attention::attend_to(const at::Tensor& x, const at::Tensor& context, const AttentionOptions& how) const {
  return context.defined() ? attend(x, project(context), how) : attend_to_self(x, how);
}

at::Tensor Attention::forward(const at::Tensor& x, const at::Tensor& context, const AttentionOptions& how) const {
  return to_out_->forward(attend_to(x, context, how));
}

at::Tensor Attention::forward_add(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& context) const {
  return to_out_->forward_add(attend_to(x, context, {}), residual);
}

at::Tensor Attention::forward_add(const at::Tensor& x, const at::Tensor& residual, const KeysValues& projected) const {
  return to_out_->forward_add(attend(x, projected, {}), residual);
}

}  // namespace cambium::nn
