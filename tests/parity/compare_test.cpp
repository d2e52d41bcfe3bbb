// The judge must be strict: a result 1% off fails, and nothing passes by being missing, NaN, or of another size.
#include "parity/compare.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cambium::parity {
namespace {

using Outcome = Verdict::Outcome;
constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

at::Tensor vec(std::vector<double> values) { return at::tensor(values, at::kDouble); }

Outcome judged(const at::Tensor& golden, const at::Tensor& result, const Tolerance& tolerance) {
  return compare(golden, result, tolerance).outcome;
}

TEST(CompareTensor, OnePercentFailsUnderEveryTerm) {
  const at::Tensor golden = vec({1, -2, 3, -4});
  for (const Tolerance& tolerance : {Tolerance{.abs = 1e-3}, Tolerance{.rel = 1e-3}, Tolerance{.of_max = 1e-3},
                                     Tolerance{.of_row = 1e-3}, Tolerance{.exact = true}}) {
    EXPECT_EQ(judged(golden, golden, tolerance), Outcome::ok);
    EXPECT_EQ(judged(golden, golden * 1.01, tolerance), Outcome::fail);
  }
  const Tolerance tight{.rel = 1e-3};
  EXPECT_EQ(judged(golden, golden * 1.0005, tight), Outcome::ok);
}

TEST(CompareTensor, ReportsErrorsBoundAndShare) {
  const Verdict v = compare(vec({1, 10}), vec({1.5, 10}), {.abs = 1});
  EXPECT_DOUBLE_EQ(v.max_abs, 0.5);
  EXPECT_DOUBLE_EQ(v.max_rel, 0.5);
  EXPECT_DOUBLE_EQ(v.bound, 1);
  EXPECT_DOUBLE_EQ(v.used, 0.5);
  EXPECT_FALSE(v.failed());
}

TEST(CompareTensor, TermsAdd) {
  EXPECT_EQ(judged(vec({10, 1}), vec({10.25, 1}), {.abs = 0.1, .rel = 0.015}), Outcome::ok);
  EXPECT_EQ(judged(vec({10, 1}), vec({10.26, 1}), {.abs = 0.1, .rel = 0.015}), Outcome::fail);
  EXPECT_EQ(judged(vec({10, 1}), vec({10, 1.2}), {.of_max = 0.02}), Outcome::ok);
  EXPECT_EQ(judged(vec({10, 1}), vec({10, 1.21}), {.of_max = 0.02}), Outcome::fail);
}

TEST(CompareTensor, OfRowIsTheRowsOwnLargest) {
  const at::Tensor golden = vec({100, 0, 1, 0}).reshape({2, 2});
  at::Tensor result = golden.clone();
  result[0][1] = 0.9;  // 100 * 0.01 allowed
  EXPECT_EQ(judged(golden, result, {.of_row = 0.01}), Outcome::ok);
  result[1][1] = 0.02;  // 1 * 0.01 allowed
  EXPECT_EQ(judged(golden, result, {.of_row = 0.01}), Outcome::fail);
  // One dimension: each entry by itself.
  EXPECT_EQ(judged(vec({100, 1}), vec({100, 1.5}), {.of_row = 0.01}), Outcome::fail);
  EXPECT_EQ(judged(at::scalar_tensor(2.0), at::scalar_tensor(2.01), {.of_row = 0.01}), Outcome::ok);
}

TEST(CompareTensor, RowsLimitWhatIsJudgedAndTheMaximum) {
  const at::Tensor golden = vec({1, 1, 1000, 1}).reshape({4, 1});
  at::Tensor result = golden.clone();
  result[2][0] = kNan;
  EXPECT_EQ(judged(golden, result, {.of_max = 0.01}), Outcome::fail);
  EXPECT_EQ(judged(golden, result, {.of_max = 0.01, .rows = {{0, 1, 3}}}), Outcome::ok);
  result[1][0] = 1.5;  // would pass if row 2 entered the maximum
  EXPECT_EQ(judged(golden, result, {.of_max = 0.01, .rows = {{0, 1, 3}}}), Outcome::fail);
  EXPECT_EQ(judged(golden, golden, {.of_max = 0.01, .rows = {{4}}}), Outcome::fail);
  EXPECT_EQ(judged(golden[0][0], golden[0][0], {.rel = 1, .rows = {{0}}}), Outcome::fail);
}

TEST(CompareTensor, NonFiniteEntriesMustAgree) {
  const Tolerance loose{.abs = 1e30, .rel = 1e30, .of_max = 1e30};
  EXPECT_EQ(judged(vec({kNan, kInf, -kInf, 1}), vec({kNan, kInf, -kInf, 1}), loose), Outcome::ok);
  EXPECT_EQ(judged(vec({1, 1}), vec({1, kNan}), loose), Outcome::fail);
  EXPECT_EQ(judged(vec({1, kNan}), vec({1, 1}), loose), Outcome::fail);
  EXPECT_EQ(judged(vec({kInf}), vec({1}), loose), Outcome::fail);
  EXPECT_EQ(judged(vec({1}), vec({kInf}), loose), Outcome::fail);
  EXPECT_EQ(judged(vec({kInf}), vec({-kInf}), loose), Outcome::fail);
  EXPECT_EQ(judged(vec({kInf}), vec({kNan}), loose), Outcome::fail);
  EXPECT_EQ(judged(vec({kNan, 1}), vec({kNan, 1}), {.exact = true}), Outcome::ok);
  // An infinity beside them does not widen the others' bound.
  EXPECT_EQ(judged(vec({kInf, 1}), vec({kInf, 1.01}), {.of_max = 1e-3}), Outcome::fail);
}

TEST(CompareTensor, SizeAndPresence) {
  EXPECT_EQ(judged(vec({1, 2}), vec({1, 2, 3}), {.abs = 1e9}), Outcome::fail);
  EXPECT_EQ(judged(vec({1, 2}), at::Tensor(), {.abs = 1e9}), Outcome::fail);
  EXPECT_EQ(judged(vec({1, 2}), vec({1, 2}).reshape({2, 1}), {.exact = true}), Outcome::ok);
  EXPECT_EQ(judged(at::empty({0}), at::empty({0}), {.exact = true}), Outcome::ok);
}

TEST(CompareTensor, ExactIntegersBeyondDoubles) {
  const int64_t big = (int64_t{1} << 53) + 1;
  const at::Tensor golden = at::tensor({big}, at::kLong);
  EXPECT_EQ(judged(golden, golden, {.exact = true}), Outcome::ok);
  EXPECT_EQ(judged(golden, golden - 1, {.exact = true}), Outcome::fail);
  EXPECT_EQ(judged(at::tensor({1, 0}).to(at::kBool), at::tensor({1, 1}).to(at::kBool), {.exact = true}), Outcome::fail);
}

TEST(CompareTensor, NoToleranceMeansNoError) {
  EXPECT_EQ(judged(vec({0, 1}), vec({0, 1}), {}), Outcome::ok);
  EXPECT_EQ(judged(vec({0, 1}), vec({1e-300, 1}), {.rel = 0.5}), Outcome::fail);
}

TEST(CompareTensor, SkipSaysWhy) {
  const Verdict v = compare(vec({1}), vec({2}), {.skip = "noise"});
  EXPECT_EQ(v.outcome, Outcome::skip);
  EXPECT_EQ(v.why, "noise");
}

TEST(CompareLeaf, TextBooleansAndNull) {
  const auto judged = [](const Json& golden, const Json& result) {
    return compare(golden, result, {.abs = 1e9, .exact = true}).outcome;
  };
  EXPECT_EQ(judged("a", "a"), Outcome::ok);
  EXPECT_EQ(judged("a", "b"), Outcome::fail);
  EXPECT_EQ(judged(true, true), Outcome::ok);
  EXPECT_EQ(judged(true, false), Outcome::fail);
  EXPECT_EQ(judged(nullptr, nullptr), Outcome::ok);
  EXPECT_EQ(judged(nullptr, 0), Outcome::fail);
  EXPECT_EQ(judged(1, "1"), Outcome::fail);
  EXPECT_EQ(judged("1", 1), Outcome::fail);
  EXPECT_EQ(judged(1, true), Outcome::fail);
}

TEST(CompareLeaf, Numbers) {
  const Tolerance tolerance{.rel = 1e-3};
  EXPECT_EQ(compare(Json(2.0), Json(2.001), tolerance).outcome, Outcome::ok);
  EXPECT_EQ(compare(Json(2.0), Json(2.02), tolerance).outcome, Outcome::fail);
  EXPECT_EQ(compare(Json(2), Json(2.0), {.exact = true}).outcome, Outcome::ok);
  EXPECT_EQ(compare(Json::parse("[1, [2, 3]]"), Json::parse("[1, [2, 3.001]]"), tolerance).outcome, Outcome::ok);
  EXPECT_EQ(compare(Json::parse("[1, [2, 3]]"), Json::parse("[1, [2, 3.04]]"), tolerance).outcome, Outcome::fail);
  EXPECT_EQ(compare(Json::parse("[1, 2]"), Json::parse("[1, 2, 3]"), {.abs = 9}).outcome, Outcome::fail);
  EXPECT_EQ(compare(Json::parse("[]"), Json::parse("[]"), {.exact = true}).outcome, Outcome::ok);
  EXPECT_EQ(compare(Json("nan"), Json(kNan), tolerance).outcome, Outcome::ok);
  EXPECT_EQ(compare(Json("nan"), Json(1.0), {.abs = 1e9}).outcome, Outcome::fail);
  EXPECT_EQ(compare(Json(1.0), Json(kNan), {.abs = 1e9}).outcome, Outcome::fail);
}

}  // namespace
}  // namespace cambium::parity
