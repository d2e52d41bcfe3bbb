#pragma once
// Attention written out, and inputs of many kinds to try an implementation with.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "core/random.h"
#include "nn/attention.h"

namespace cambium::nn {

struct AttentionFeatures {
  bool causal = false;
  bool mask = false;                // a random key mask
  bool lengths = false;             // key lengths that grow over the batch
  bool blind = false;               // the first row of the batch sees no key
  std::array<int64_t, 4> rel = {};  // Hq, Wq, Hk, Wk; 0: none
  double spread = 1;                // standard deviation of q and k
};

struct AttentionCase {
  int64_t batch, heads, queries, keys, head_dim;
  AttentionFeatures with = {};
};

inline std::string name_of(const AttentionCase& c) {
  std::string name = "b" + std::to_string(c.batch) + "h" + std::to_string(c.heads) + "q" + std::to_string(c.queries) +
                     "k" + std::to_string(c.keys) + "d" + std::to_string(c.head_dim);
  if (c.with.causal) name += "_causal";
  if (c.with.mask) name += "_mask";
  if (c.with.lengths) name += "_lengths";
  if (c.with.blind) name += "_blind";
  if (c.with.rel[0]) name += "_rel";
  if (c.with.spread != 1) name += "_spread" + std::to_string(static_cast<int>(c.with.spread));
  return name;
}
inline std::string case_name(const testing::TestParamInfo<AttentionCase>& info) { return name_of(info.param); }
// What the test runner shows of the parameter, in place of its bytes.
inline void PrintTo(const AttentionCase& c, std::ostream* stream) { *stream << name_of(c); }

inline at::Tensor gaussian(at::IntArrayRef shape, uint64_t seed, double std = 1) {
  auto generator = make_generator(seed);
  at::Tensor t = at::empty(shape);
  return normal_(t, 0, std, generator).to(at::kBFloat16);
}

// Leaves in the layout of a projection, [B, T, H, D], and the tables; all exact in bfloat16.
struct AttentionInputs {
  std::vector<at::Tensor> leaves;  // q, k, v, then height and width where there are relative positions
  at::Tensor grad;                 // [B, Tq, H * D]
  AttentionOptions options;

  // A copy whose leaves are of this dtype and require gradients.
  AttentionInputs to(c10::ScalarType dtype) const {
    AttentionInputs other{.leaves = {}, .grad = grad.to(dtype), .options = options};
    for (const at::Tensor& t : leaves)
      other.leaves.push_back(t.to(dtype, /*non_blocking=*/false, /*copy=*/true).set_requires_grad(true));
    if (leaves.size() > 3) other.options.rel_pos = {.height = other.leaves[3], .width = other.leaves[4]};
    return other;
  }
};

inline AttentionInputs make_inputs(const AttentionCase& c) {
  AttentionInputs in;
  const AttentionFeatures& with = c.with;
  in.leaves = {gaussian({c.batch, c.queries, c.heads, c.head_dim}, 1, with.spread),
               gaussian({c.batch, c.keys, c.heads, c.head_dim}, 2, with.spread),
               gaussian({c.batch, c.keys, c.heads, c.head_dim}, 3)};
  in.grad = gaussian({c.batch, c.queries, c.heads * c.head_dim}, 4);
  in.options.causal = with.causal;
  if (with.lengths)
    in.options.key_lengths = at::arange(1, c.batch + 1).mul_(c.keys).div_(c.batch, "floor").clamp_min_(1);
  if (with.mask) in.options.key_mask = gaussian({c.batch, c.keys}, 5).gt(-0.5);
  if (with.blind) in.options.key_mask[0].fill_(false);
  if (with.rel[0]) {
    in.leaves.push_back(gaussian({with.rel[0], with.rel[2], c.head_dim}, 6, 0.3));
    in.leaves.push_back(gaussian({with.rel[1], with.rel[3], c.head_dim}, 7, 0.3));
  }
  return in;
}

// The formula, one operation after another. q, k, v [B, H, T, D] -> [B, Tq, H * D]
inline at::Tensor attention_formula(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    const AttentionOptions& o) {
  const int64_t queries = q.size(2), keys = k.size(2);
  at::Tensor scores = q.matmul(k.transpose(2, 3)) * o.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3))));
  if (o.rel_pos.defined()) {
    const at::Tensor &down = o.rel_pos.height, &across = o.rel_pos.width;
    const at::Tensor grid = q.unflatten(2, {down.size(0), across.size(0)});  // [B, H, Hq, Wq, D]
    const at::Tensor bias = at::einsum("nchwd,hkd->nchwk", {grid, down}).unsqueeze(5) +
                            at::einsum("nchwd,wkd->nchwk", {grid, across}).unsqueeze(4);
    scores = scores + bias.reshape({q.size(0), q.size(1), queries, keys});
  }
  at::Tensor hidden = at::zeros({q.size(0), 1, queries, keys}, at::kBool);
  if (o.causal) hidden = hidden.logical_or(at::ones({queries, keys}, at::kBool).triu(1));
  if (o.key_mask.defined()) hidden = hidden.logical_or(o.key_mask.logical_not().view({-1, 1, 1, keys}));
  if (o.key_lengths.defined())
    hidden = hidden.logical_or(at::arange(keys).view({1, 1, 1, keys}) >= o.key_lengths.view({-1, 1, 1, 1}));
  const at::Tensor top = scores.masked_fill(hidden, -INFINITY).amax(-1, true).detach().nan_to_num(0, 0, 0);
  const at::Tensor weights = (scores - top).masked_fill(hidden, 0).exp().masked_fill(hidden, 0);
  const at::Tensor sum = weights.sum(-1, true);
  return (weights / at::where(sum > 0, sum, at::ones_like(sum))).matmul(v).transpose(1, 2).flatten(2);
}

using AttentionFunction =
    std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const AttentionOptions&)>;

// The output, and the gradient of each leaf for `grad`.
inline std::pair<at::Tensor, std::vector<at::Tensor>> run(const AttentionInputs& in, const AttentionFunction& f) {
  const at::Tensor y =
      f(in.leaves[0].transpose(1, 2), in.leaves[1].transpose(1, 2), in.leaves[2].transpose(1, 2), in.options);
  y.backward(in.grad);
  std::vector<at::Tensor> grads;
  for (const at::Tensor& t : in.leaves) grads.push_back(t.grad());
  return {y.detach(), grads};
}

inline double relative_error(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  return ((x - y).norm() / (y.norm() + 1e-30)).item<double>();
}

}  // namespace cambium::nn
