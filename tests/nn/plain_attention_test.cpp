#include "nn/plain_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "attention_reference.h"
#include "core/error.h"

namespace cambium::nn {
namespace {

class PlainAttention : public testing::TestWithParam<AttentionCase> {};

TEST_P(PlainAttention, ValuesAndGradientsAgreeWithTheFormula) {
  const AttentionCase& c = GetParam();
  const AttentionInputs in = make_inputs(c);
  const auto [y, grads] = run(in.to(at::kDouble), plain_attention);
  const auto [expected, expected_grads] = run(in.to(at::kDouble), attention_formula);
  EXPECT_LT(relative_error(y, expected), 1e-12);
  for (size_t i = 0; i < grads.size(); ++i)
    EXPECT_LT(relative_error(grads[i], expected_grads[i]), 1e-11) << "input " << i;

  const auto [y32, grads32] = run(in.to(at::kFloat), plain_attention);
  EXPECT_LT(relative_error(y32, expected), 2e-6);
  for (size_t i = 0; i < grads.size(); ++i)
    EXPECT_LT(relative_error(grads32[i], expected_grads[i]), 1e-5) << "input " << i;
}

// What a CPU without the kernel's instructions does with bfloat16.
TEST_P(PlainAttention, Bfloat16AgreesToItsRounding) {
  const AttentionInputs in = make_inputs(GetParam());
  const auto [y, grads] = run(in.to(at::kBFloat16), plain_attention);
  const auto [expected, expected_grads] = run(in.to(at::kDouble), attention_formula);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_LT(relative_error(y, expected), 5e-3);
  for (size_t i = 0; i < grads.size(); ++i)
    EXPECT_LT(relative_error(grads[i], expected_grads[i]), 1e-2) << "input " << i;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, PlainAttention,
    testing::Values(AttentionCase{2, 3, 5, 7, 8}, AttentionCase{2, 2, 9, 9, 16, {.causal = true}},
                    AttentionCase{3, 2, 6, 10, 8, {.mask = true}}, AttentionCase{3, 2, 6, 10, 8, {.lengths = true}},
                    AttentionCase{3, 2, 8, 8, 8, {.causal = true, .mask = true, .blind = true}},
                    AttentionCase{3, 2, 8, 5, 8, {.mask = true, .lengths = true, .blind = true}},
                    AttentionCase{2, 2, 12, 12, 8, {.rel = {3, 4, 3, 4}}},
                    AttentionCase{2, 2, 12, 10, 8, {.rel = {3, 4, 5, 2}}},
                    AttentionCase{2, 2, 12, 12, 8, {.causal = true, .mask = true, .blind = true, .rel = {3, 4, 3, 4}}},
                    // 1.6 blocks of queries
                    AttentionCase{2, 8, 700, 700, 8, {.rel = {35, 20, 28, 25}}}),
    case_name);

TEST(PlainAttention, TablesThatDoNotFitAreOneSentence) {
  const at::Tensor q = at::zeros({1, 1, 12, 8});
  const RelativePosition rel{.height = at::zeros({3, 3, 8}), .width = at::zeros({5, 4, 8})};
  EXPECT_THROW(attention(q, q, q, {.rel_pos = rel}), Error);
}

}  // namespace
}  // namespace cambium::nn
