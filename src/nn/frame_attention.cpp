#include "nn/frame_attention.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>

#include "core/error.h"
#include "nn/attention.h"
#include "nn/gradient_recorded.h"
#include "nn/kernels/fused_attention.h"

namespace cambium::nn {

namespace {

bool hides_keys(const at::Tensor& q, std::optional<int64_t> reach) { return reach && *reach < q.size(2) - 1; }

at::Tensor masked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t reach) {
  const at::Tensor near =
      at::ones({q.size(2), k.size(2)}, q.options().dtype(at::kBool)).tril(reach).triu(-reach);  // [T, T]
  return at::scaled_dot_product_attention(q, k, v, near).transpose(1, 2).flatten(2);
}

}  // namespace

at::Tensor near_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::optional<int64_t> reach) {
  return hides_keys(q, reach) ? masked(q, k, v, *reach) : attention(q, k, v);
}

void near_attention_into(const at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         std::optional<int64_t> reach) {
  if (gradient_recorded(q, k, v))
    throw Error({.what = "attention into a given tensor has no gradient", .mend = "use near_attention"});
  if (!hides_keys(q, reach) && kernels::fused_attention_takes(q, k, v)) {
    kernels::fused_attention_into(out, q, k, v, {.scale = 1 / std::sqrt(static_cast<double>(q.size(3)))});
  } else {
    out.copy_(near_attention(q, k, v, reach));
  }
}

}  // namespace cambium::nn
