#include "nn/kernels/fused_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "attention_reference.h"
#include "core/device.h"
#include "nn/plain_attention.h"

namespace cambium::nn {
namespace {

class FusedAttention : public testing::TestWithParam<AttentionCase> {
 protected:
  void SetUp() override {
    if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  }
};

TEST_P(FusedAttention, ValuesAndGradientsAgreeWithTheFormula) {
  const AttentionCase& c = GetParam();
  const AttentionInputs in = make_inputs(c), half = in.to(at::kBFloat16);
  ASSERT_TRUE(kernels::fused_attention_takes(half.leaves[0].transpose(1, 2), half.leaves[1].transpose(1, 2),
                                             half.leaves[2].transpose(1, 2)));
  const auto [y, grads] = run(half, attention);
  const auto [expected, expected_grads] = run(in.to(at::kDouble), attention_formula);
  EXPECT_LT(relative_error(y, expected), 5e-3);
  // Where few keys take all the weight, gradients are small differences: there LibTorch's own error is the bound.
  std::vector<at::Tensor> stock(grads.size());
  if (c.with.spread > 4) stock = run(in.to(at::kBFloat16), plain_attention).second;
  for (size_t i = 0; i < grads.size(); ++i) {
    // One key: the weights are constant, and the gradients of what made them 0.
    if (c.keys == 1 && i != 2) continue;
    const double bound = stock[i].defined() ? std::max(1e-2, relative_error(stock[i], expected_grads[i])) : 1e-2;
    EXPECT_LT(relative_error(grads[i], expected_grads[i]), bound) << "input " << i;
  }
  if (c.with.blind) {
    for (const size_t input : {0, 1, 2}) EXPECT_EQ(grads[input][0].abs().max().item<float>(), 0) << "input " << input;
  }
  const at::NoGradGuard no_grad;
  const auto again = run(half, [](const auto& q, const auto& k, const auto& v, const auto& options) {
    return attention(q, k, v, options).requires_grad_();
  });
  EXPECT_TRUE(at::equal(again.first, y));
}

// A packed projection takes another way to the same numbers, the gradient included.
TEST_P(FusedAttention, PackedProjectionIsTheSame) {
  const AttentionCase& c = GetParam();
  if (c.queries != c.keys) GTEST_SKIP() << "self-attention alone";
  const AttentionInputs in = make_inputs(c).to(at::kBFloat16), other = make_inputs(c).to(at::kBFloat16);
  const auto [y, grads] = run(in, attention);
  const at::Tensor packed =
      at::stack({other.leaves[0], other.leaves[1], other.leaves[2]}, 2).detach().set_requires_grad(true);
  const at::Tensor z = self_attention(packed, other.options);
  z.backward(other.grad);
  EXPECT_TRUE(at::equal(y, z));
  for (const int64_t i : {0, 1, 2}) EXPECT_TRUE(at::equal(packed.grad().select(2, i), grads[i])) << "input " << i;
  for (size_t i = 3; i < grads.size(); ++i) EXPECT_TRUE(at::equal(other.leaves[i].grad(), grads[i])) << "input " << i;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, FusedAttention,
    testing::Values(AttentionCase{1, 1, 1, 1, 8}, AttentionCase{2, 3, 2, 2, 16},
                    AttentionCase{2, 2, 10, 10, 32, {.causal = true}}, AttentionCase{2, 4, 37, 37, 32},
                    AttentionCase{1, 2, 48, 48, 64}, AttentionCase{1, 2, 50, 50, 64},
                    AttentionCase{1, 2, 77, 77, 64, {.causal = true}}, AttentionCase{1, 2, 197, 197, 64},
                    AttentionCase{1, 2, 33, 33, 40}, AttentionCase{1, 2, 31, 31, 80, {.causal = true}},
                    AttentionCase{1, 1, 17, 17, 2}, AttentionCase{1, 1, 20, 20, 136}, AttentionCase{1, 1, 65, 40, 160},
                    AttentionCase{3, 2, 1, 11, 32, {.lengths = true}}, AttentionCase{2, 2, 5, 19, 64},
                    AttentionCase{3, 2, 1, 77, 64, {.lengths = true}}, AttentionCase{2, 1, 130, 7, 16},
                    AttentionCase{2, 1, 7, 530, 16}, AttentionCase{1, 1, 300, 300, 256, {.causal = true}},
                    AttentionCase{1, 1, 40, 9000, 8}, AttentionCase{1, 1, 90, 150, 24, {.causal = true}},
                    AttentionCase{1, 1, 150, 90, 24, {.causal = true}}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Masks, FusedAttention,
    testing::Values(AttentionCase{3, 2, 40, 77, 40, {.mask = true}},
                    AttentionCase{3, 2, 60, 60, 40, {.causal = true, .mask = true, .blind = true}},
                    AttentionCase{3, 2, 100, 130, 40, {.mask = true, .lengths = true, .blind = true}},
                    AttentionCase{3, 1, 50, 50, 12, {.causal = true, .mask = true, .lengths = true}}),
    case_name);

// At most 16 queries: a kernel of its own.
INSTANTIATE_TEST_SUITE_P(Few, FusedAttention,
                         testing::Values(AttentionCase{5, 3, 14, 14, 40}, AttentionCase{2, 2, 16, 16, 64},
                                         AttentionCase{2, 2, 15, 15, 6, {.causal = true}},
                                         AttentionCase{2, 1, 9, 13, 160}, AttentionCase{2, 2, 16, 3, 8},
                                         AttentionCase{4, 2, 14, 14, 40, {.mask = true, .blind = true}},
                                         AttentionCase{4, 2, 11, 11, 24, {.causal = true, .mask = true, .blind = true}},
                                         AttentionCase{4, 2, 12, 14, 40, {.mask = true, .lengths = true}},
                                         AttentionCase{2, 2, 14, 14, 40, {.spread = 4}},
                                         AttentionCase{2, 2, 7, 400, 80}, AttentionCase{1, 2, 16, 257, 20},
                                         AttentionCase{2, 2, 9, 300, 16, {.mask = true, .blind = true}},
                                         AttentionCase{2, 2, 12, 300, 16, {.causal = true, .mask = true}},
                                         AttentionCase{2, 1, 12, 500, 40, {.lengths = true, .spread = 4}}),
                         case_name);

INSTANTIATE_TEST_SUITE_P(RelativePositions, FusedAttention,
                         testing::Values(AttentionCase{2, 2, 12, 12, 8, {.rel = {3, 4, 3, 4}}},
                                         AttentionCase{2, 2, 196, 196, 64, {.rel = {14, 14, 14, 14}}},
                                         AttentionCase{1, 2, 16, 16, 32, {.rel = {4, 4, 4, 4}}},
                                         AttentionCase{2, 1, 60, 42, 40, {.rel = {20, 3, 7, 6}}},
                                         AttentionCase{1, 1, 640, 640, 16, {.rel = {20, 32, 20, 32}}},
                                         AttentionCase{1, 1, 170, 100, 80, {.rel = {5, 34, 25, 4}}},
                                         AttentionCase{
                                             2, 2, 64, 64, 24, {.mask = true, .blind = true, .rel = {8, 8, 8, 8}}},
                                         AttentionCase{2, 2, 63, 63, 24, {.causal = true, .rel = {7, 9, 9, 7}}}),
                         case_name);

// Scores up to some hundreds, whose maximum moves on the way over the keys.
INSTANTIATE_TEST_SUITE_P(Spread, FusedAttention,
                         testing::Values(AttentionCase{1, 2, 100, 600, 64, {.spread = 4}},
                                         AttentionCase{1, 2, 100, 600, 64, {.spread = 12}},
                                         AttentionCase{1, 2, 90, 90, 64, {.causal = true, .spread = 12}}),
                         case_name);

TEST(FusedAttentionExtremes, LargeScoresAndNan) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  const at::NoGradGuard no_grad;
  // Scores of +-3e4: one key takes all the weight, nothing overflows.
  const at::Tensor q = gaussian({1, 1, 20, 16}, 1, 100), k = gaussian({1, 1, 20, 16}, 2, 100),
                   v = gaussian({1, 1, 20, 16}, 3);
  const at::Tensor y = attention(q, k, v);
  EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  EXPECT_LT(relative_error(y, attention_formula(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble), {})), 5e-3);
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

// Keys sorted by how much they are liked: the maximum moves by more than the headroom again and again.
TEST(FusedAttentionExtremes, MaximumThatKeepsRising) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  const at::NoGradGuard no_grad;
  const at::Tensor q = at::full({1, 1, 70, 8}, 1, at::kBFloat16), v = gaussian({1, 1, 500, 8}, 1);
  const at::Tensor k = at::linspace(-600, 300, 500).view({1, 1, 500, 1}).expand({1, 1, 500, 8}).to(at::kBFloat16);
  EXPECT_LT(relative_error(attention(q, k, v),
                           attention_formula(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble), {})),
            5e-3);
}

TEST(FusedAttentionThreads, DivideQueriesWithTheSameResult) {
  if (!cpu_features().avx512_bf16) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  const at::NoGradGuard no_grad;
  const at::Tensor q = gaussian({1, 1, 3200, 16}, 1), k = gaussian({1, 1, 64, 16}, 2);
  const RelativePosition rel{.height = gaussian({80, 8, 16}, 3), .width = gaussian({40, 8, 16}, 4)};
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = attention(q, k, k), one_relative = attention(q, k, k, {.rel_pos = rel});
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(attention(q, k, k), one));
  EXPECT_TRUE(at::equal(attention(q, k, k, {.rel_pos = rel}), one_relative));
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace cambium::nn
