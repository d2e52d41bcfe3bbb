#include "nn/frame_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "attention_reference.h"
#include "support/sentence.h"

namespace cambium::nn {
namespace {

const AttentionCase kCase{5, 3, 11, 11, 16};

// The formula with the keys out of reach left out.
at::Tensor near_formula(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t reach) {
  const at::Tensor scores = q.matmul(k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor distance = (at::arange(q.size(2)).unsqueeze(1) - at::arange(k.size(2))).abs();
  return scores.masked_fill(distance > reach, -INFINITY).softmax(-1).matmul(v).transpose(1, 2).flatten(2);
}

TEST(NearAttention, ValuesAndGradientsAgreeWithTheFormula) {
  const AttentionInputs in = make_inputs(kCase);
  for (const int64_t reach : {0, 2, 9, 10, 50}) {
    const auto near = [&](const auto& q, const auto& k, const auto& v, const auto&) {
      return near_attention(q, k, v, reach);
    };
    const auto [expected, expected_grads] =
        run(in.to(at::kDouble),
            [&](const auto& q, const auto& k, const auto& v, const auto&) { return near_formula(q, k, v, reach); });
    for (const auto& [dtype, bound] : {std::pair{at::kDouble, 1e-11}, std::pair{at::kBFloat16, 1e-2}}) {
      const auto [y, grads] = run(in.to(dtype), near);
      EXPECT_LT(relative_error(y, expected), bound) << reach;
      for (size_t i = reach == 0 ? 2 : 0; i < grads.size(); ++i)  // one key: the gradients of q and k are 0
        EXPECT_LT(relative_error(grads[i], expected_grads[i]), bound) << reach << " input " << i;
    }
  }
}

// Tokens far apart, as frames are: the same numbers, and nothing beside them.
TEST(NearAttention, IntoGivenTensorIsTheSame) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const AttentionInputs in = make_inputs(kCase);
    const auto part = [&](size_t i) { return in.leaves[i].to(dtype).transpose(1, 2); };
    for (const std::optional<int64_t> reach : {std::optional<int64_t>(), std::optional<int64_t>(2)}) {
      const int64_t width = kCase.heads * kCase.head_dim;
      const at::Tensor frames = at::full({kCase.queries, kCase.batch, width + 8}, 7, at::TensorOptions(dtype));
      const at::Tensor out = frames.narrow(2, 0, width).transpose(0, 1);
      near_attention_into(out, part(0), part(1), part(2), reach);
      EXPECT_TRUE(at::equal(out, near_attention(part(0), part(1), part(2), reach)));
      EXPECT_TRUE(frames.narrow(2, width, 8).eq(7).all().item<bool>());
    }
  }
}

TEST(NearAttention, IntoGivenTensorHasNoGradient) {
  const at::Tensor q = at::ones({1, 1, 2, 8}).requires_grad_(), out = at::empty({1, 2, 8});
  EXPECT_TRUE(test::says(test::sentence([&] { near_attention_into(out, q, q, q, {}); }), "no gradient"));
}

}  // namespace
}  // namespace cambium::nn
