#include "models/sam/relative_position.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

namespace cambium::sam {

at::Tensor get_rel_pos(int64_t queries, int64_t keys, const at::Tensor& table) {
  const int64_t length = 2 * std::max(queries, keys) - 1;
  at::Tensor rows = table;  // [L, D]
  if (table.size(0) != length) {
    rows = at::upsample_linear1d(table.t().unsqueeze(0), {length}, /*align_corners=*/false).squeeze(0).t();
  }
  // In float32 and truncated, as the original computes the index.
  const double q = static_cast<double>(queries), k = static_cast<double>(keys);
  const auto options = table.options().dtype(at::kLong);
  const at::Tensor query = at::arange(queries, options).unsqueeze(1) * std::max(k / q, 1.0);
  const at::Tensor key = at::arange(keys, options).unsqueeze(0) * std::max(q / k, 1.0);
  const at::Tensor index = ((query - key) + (k - 1) * std::max(q / k, 1.0)).to(at::kLong);
  return rows.index_select(0, index.flatten()).view({queries, keys, table.size(1)});
}

at::Tensor attention_with_extra_keys(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const at::Tensor& extra_k, const at::Tensor& extra_v,
                                     const nn::RelativePosition& rel_pos) {
  const int64_t batch = q.size(0), heads = q.size(1), tokens = q.size(2), dim = q.size(3), extra = extra_k.size(1);
  const int64_t height = rel_pos.height.size(0), width = rel_pos.width.size(0);
  const at::Tensor grid = q.unflatten(2, {height, width});                                         // [B, H, h, w, D]
  const at::Tensor by_row = at::einsum("bnhwd,hkd->bnhwk", {grid, rel_pos.height}).flatten(2, 3);  // [B, H, T, h]
  const at::Tensor by_column = at::einsum("bnhwd,wkd->bnhwk", {grid, rel_pos.width}).flatten(2, 3);
  const at::Tensor query = at::cat({q * (1 / std::sqrt(static_cast<double>(dim))), by_row, by_column}, 3);

  const auto options = q.options();
  const at::Tensor row = at::eye(height, options).unsqueeze(1).expand({-1, width, -1}).reshape({tokens, height});
  const at::Tensor column = at::eye(width, options).unsqueeze(0).expand({height, -1, -1}).reshape({tokens, width});
  const auto everywhere = [&](const at::Tensor& t) { return t.expand({batch, heads, -1, -1}); };
  const at::Tensor place = everywhere(at::cat({row, column}, 1));  // [B, H, T, h + w]
  const at::Tensor nowhere = everywhere(at::zeros({extra, height + width}, options));
  const at::Tensor key = at::cat({at::cat({k, place}, 3), at::cat({everywhere(extra_k), nowhere}, 3)}, 2);
  // Kernels want one head size: the values are padded, and the padding is dropped from the output.
  const at::Tensor value = at::constant_pad_nd(at::cat({v, everywhere(extra_v)}, 2), {0, height + width});
  const at::Tensor out = nn::attention(query, key, value, {.scale = 1.0});  // [B, T, H * (D + h + w)]
  return out.unflatten(2, {heads, -1}).narrow(3, 0, dim).flatten(2);
}

}  // namespace cambium::sam
