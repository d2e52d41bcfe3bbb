#include "nn/kernels/fused_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/device.h"
#include "core/random.h"
#include "nn/attention.h"

namespace cambium::nn {
namespace {

struct Shape {
  int64_t batch, heads, queries, keys, head_dim;
  bool causal = false;
  bool lengths = false;
};

at::Tensor gaussian(at::IntArrayRef shape, uint64_t seed) {
  auto generator = make_generator(seed);
  at::Tensor t = at::empty(shape);
  return normal_(t, 0, 1, generator).to(at::kBFloat16);
}

// Written out, in double. q, k, v [B, H, T, D] -> [B, Tq, H * D]
at::Tensor reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Shape& s,
                     const at::Tensor& lengths) {
  at::Tensor scores = q.matmul(k.transpose(2, 3)) / std::sqrt(static_cast<double>(s.head_dim));
  if (s.causal) scores = scores.masked_fill(at::ones({s.queries, s.keys}, at::kBool).triu(1), -INFINITY);
  if (s.lengths)
    scores = scores.masked_fill(at::arange(s.keys).view({1, 1, 1, -1}) >= lengths.view({-1, 1, 1, 1}), -INFINITY);
  return scores.softmax(-1).matmul(v).transpose(1, 2).flatten(2);
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).norm() / b.to(at::kDouble).norm()).item<double>();
}

class FusedAttention : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  }
};

TEST_P(FusedAttention, ValuesAndGradientsAgreeWithTheFormula) {
  const Shape s = GetParam();
  // As a packed projection lays them out: [B, T, H, D] seen as [B, H, T, D].
  const auto make = [&](int64_t tokens, uint64_t seed) {
    return gaussian({s.batch, tokens, s.heads, s.head_dim}, seed);
  };
  const at::Tensor q0 = make(s.queries, 1), k0 = make(s.keys, 2), v0 = make(s.keys, 3);
  const at::Tensor dy = gaussian({s.batch, s.queries, s.heads * s.head_dim}, 4);
  const at::Tensor lengths =
      s.lengths ? at::arange(1, s.batch + 1).mul_(s.keys).div_(s.batch, "floor").clamp_min_(1) : at::Tensor();
  const auto leaf = [](const at::Tensor& t, c10::ScalarType dtype) {
    return t.to(dtype, /*non_blocking=*/false, /*copy=*/true).set_requires_grad(true);
  };
  at::Tensor q = leaf(q0, at::kBFloat16), k = leaf(k0, at::kBFloat16), v = leaf(v0, at::kBFloat16);
  at::Tensor qd = leaf(q0, at::kDouble), kd = leaf(k0, at::kDouble), vd = leaf(v0, at::kDouble);
  ASSERT_TRUE(kernels::fused_attention_takes(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)));

  const AttentionOptions options{.causal = s.causal, .key_lengths = lengths};
  const at::Tensor y = attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), options);
  const at::Tensor expected = reference(qd.transpose(1, 2), kd.transpose(1, 2), vd.transpose(1, 2), s, lengths);
  y.backward(dy);
  expected.backward(dy.to(at::kDouble));
  EXPECT_LT(relative(y, expected), 5e-3);
  EXPECT_LT(relative(v.grad(), vd.grad()), 5e-3);
  if (s.keys > 1) {  // one key: the weights are constant, and these gradients 0
    EXPECT_LT(relative(q.grad(), qd.grad()), 1e-2);
    EXPECT_LT(relative(k.grad(), kd.grad()), 1e-2);
  }
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), options), y));
  if (s.queries != s.keys || s.lengths) return;
  EXPECT_TRUE(at::equal(self_attention(at::stack({q, k, v}, 2), s.causal), y));
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedAttention,
                         testing::Values(Shape{1, 1, 1, 1, 8}, Shape{2, 3, 2, 2, 16}, Shape{2, 2, 10, 10, 32, true},
                                         Shape{2, 4, 37, 37, 32}, Shape{1, 2, 48, 48, 64}, Shape{1, 2, 50, 50, 64},
                                         Shape{1, 2, 77, 77, 64, true}, Shape{1, 2, 197, 197, 64},
                                         Shape{1, 1, 197, 197, 32}, Shape{1, 2, 33, 33, 40},
                                         Shape{1, 2, 31, 31, 80, true}, Shape{1, 1, 17, 17, 2},
                                         Shape{1, 1, 20, 20, 136}, Shape{3, 2, 1, 11, 32, false, true},
                                         Shape{2, 2, 5, 19, 64}, Shape{3, 2, 1, 77, 64, false, true},
                                         Shape{1, 1, 300, 300, 256, true}),
                         [](const auto& info) {
                           const Shape& s = info.param;
                           return "q" + std::to_string(s.queries) + "k" + std::to_string(s.keys) + "d" +
                                  std::to_string(s.head_dim) + (s.causal ? "causal" : "") +
                                  (s.lengths ? "lengths" : "");
                         });

TEST(FusedAttentionExtremes, LargeScoresAndNan) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  const at::NoGradGuard no_grad;
  // Scores of +-3e4: one key takes all the weight, nothing overflows.
  at::Tensor q = gaussian({1, 1, 20, 16}, 1) * 100, k = gaussian({1, 1, 20, 16}, 2) * 100,
             v = gaussian({1, 1, 20, 16}, 3);
  const at::Tensor y = attention(q, k, v);
  EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  EXPECT_LT(relative(y, reference(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble), {1, 1, 20, 20, 16}, {})),
            5e-3);
  // NaN in one key reaches every query; NaN in one query reaches that query alone.
  at::Tensor bad = k.clone();
  bad[0][0][7][3] = NAN;
  EXPECT_TRUE(at::isnan(attention(q, bad, v)).all().item<bool>());
  bad = q.clone();
  bad[0][0][7][3] = NAN;
  const at::Tensor z = attention(bad, k, v);
  EXPECT_TRUE(at::isnan(z[0][7]).all().item<bool>());
  EXPECT_TRUE(at::isfinite(z[0][6]).all().item<bool>());
}

}  // namespace
}  // namespace cambium::nn
