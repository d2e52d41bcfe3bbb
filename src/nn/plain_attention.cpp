#include "nn/plain_attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "nn/checkpoint.h"

namespace cambium::nn {
namespace {

// Added to the score of a key that may not be seen. Finite, so that a row that sees nothing has finite weights (which
// are then dropped) and not NaN, in the gradient too.
constexpr double kMasked = -1e30;
// Scores [B, H, block, Tk] of one block of queries hold about this many numbers.
constexpr int64_t kBlockScoresCpu = int64_t{1} << 22, kBlockScoresGpu = int64_t{1} << 26;

// Keys that a row of the batch may see: boolean [B, 1, 1, Tk], or undefined for all.
at::Tensor visible_keys(const AttentionOptions& options, int64_t keys) {
  at::Tensor visible;
  if (options.key_lengths.defined())
    visible =
        at::arange(keys, options.key_lengths.options()).view({1, 1, 1, keys}) < options.key_lengths.view({-1, 1, 1, 1});
  if (options.key_mask.defined()) {
    const at::Tensor mask = options.key_mask.view({-1, 1, 1, keys});
    visible = visible.defined() ? visible.logical_and(mask) : mask;
  }
  return visible;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias, bool causal,
                  std::optional<double> scale) {
  return at::scaled_dot_product_attention(q, k, v, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt,
                                          /*dropout_p=*/0.0, causal, scale);
}

at::Tensor bias_of(const at::Tensor& visible, c10::ScalarType dtype) {
  const at::Tensor zero = at::zeros({}, visible.options().dtype(dtype));
  return at::where(visible, zero, zero + kMasked);
}

at::Tensor drop_blind_rows(const at::Tensor& y, const at::Tensor& visible) {
  return at::where(visible.any(-1, /*keepdim=*/true), y, at::zeros({}, y.options()));
}

// q . table[at], one table row per query. q [B, H, N, D], table [S, K, D], rows [N] -> [B, H, N, K]
at::Tensor relative_scores(const at::Tensor& q, const at::Tensor& table, const at::Tensor& rows) {
  const int64_t batch = q.size(0), heads = q.size(1), queries = q.size(2);
  const at::Tensor by_query = q.permute({2, 0, 1, 3}).reshape({queries, batch * heads, -1});  // [N, B H, D]
  return by_query
      .matmul(table.index_select(0, rows).transpose(1, 2))  // [N, B H, K]
      .view({queries, batch, heads, -1})
      .permute({1, 2, 0, 3});
}

at::Tensor in_blocks(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionOptions& options,
                     const at::Tensor& visible) {
  const int64_t queries = q.size(2), keys = k.size(2);
  const int64_t budget = q.is_cpu() ? kBlockScoresCpu : kBlockScoresGpu;
  const int64_t block = std::max<int64_t>(1, budget / (q.size(0) * q.size(1) * keys));
  const bool relative = options.rel_pos.defined();
  const at::Tensor positions = at::arange(queries, at::TensorOptions(q.device()).dtype(at::kLong));
  std::vector<at::Tensor> outputs, inputs{at::Tensor(), k, v};
  if (relative) {
    inputs.push_back(options.rel_pos.height.to(q.scalar_type()));
    inputs.push_back(options.rel_pos.width.to(q.scalar_type()));
  }
  for (const at::Tensor& part : q.split(block, 2)) {
    const at::Tensor at = positions.narrow(0, static_cast<int64_t>(outputs.size()) * block, part.size(2));
    const auto segment = [=, causal = options.causal, scale = options.scale](const std::vector<at::Tensor>& in) {
      at::Tensor seen = visible, bias;
      if (causal) {
        const at::Tensor past = at::arange(keys, at.options()).view({1, 1, 1, keys}) <= at.view({1, 1, -1, 1});
        seen = seen.defined() ? seen.logical_and(past) : past;
      }
      if (seen.defined()) bias = bias_of(seen, in[0].scalar_type());
      if (relative) {
        const int64_t columns = in[4].size(0);
        const at::Tensor down = relative_scores(in[0], in[3], at.floor_divide(columns)),
                         across = relative_scores(in[0], in[4], at.remainder(columns));
        const at::Tensor sum = (down.unsqueeze(4) + across.unsqueeze(3)).flatten(3);  // [B, H, block, Tk]
        bias = bias.defined() ? sum + bias : sum;
      }
      const at::Tensor y = attend(in[0], in[1], in[2], bias, /*causal=*/false, scale);
      return std::vector<at::Tensor>{seen.defined() ? drop_blind_rows(y, seen) : y};
    };
    inputs[0] = part;
    outputs.push_back(checkpoint(segment, inputs, {})[0]);
  }
  return at::cat(outputs, 2);  // [B, H, Tq, D]
}

}  // namespace

at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const AttentionOptions& options) {
  const at::Tensor visible = visible_keys(options, k.size(2));
  at::Tensor y;
  if (options.rel_pos.defined() || (options.causal && visible.defined())) {
    // On a CPU in float32: sums over blocks keep their digits, and without the kernel bfloat16 gains nothing.
    const auto dtype = q.is_cpu() && q.scalar_type() != at::kDouble ? at::kFloat : q.scalar_type();
    y = in_blocks(q.to(dtype), k.to(dtype), v.to(dtype), options, visible).to(q.scalar_type());
  } else if (visible.defined()) {
    y = drop_blind_rows(attend(q, k, v, bias_of(visible, q.scalar_type()), /*causal=*/false, options.scale), visible);
  } else {
    y = attend(q, k, v, {}, options.causal, options.scale);
  }
  // SDPA writes [B, Tq, H, D], so this flatten is a view.
  return y.transpose(1, 2).flatten(2);  // [B, Tq, H * D]
}

}  // namespace cambium::nn
