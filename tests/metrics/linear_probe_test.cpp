#include "metrics/linear_probe.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "metrics/classification.h"

namespace cambium::metrics {
namespace {

struct Set {
  at::Tensor features, labels;
};

// Overlapping classes from sines and cosines: any language can make the same numbers.
Set make_set(int64_t rows, int64_t columns, int64_t classes, int64_t shift = 0, double noise = 1.0) {
  Set set{at::empty({rows, columns}, at::kDouble), at::empty({rows}, at::kLong)};
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t i = r + shift, label = (i * 7) % classes;
    set.labels.data_ptr<int64_t>()[r] = label;
    for (int64_t j = 0; j < columns; ++j) {
      set.features.data_ptr<double>()[r * columns + j] =
          noise * std::sin(0.37 * static_cast<double>((i + 1) * (j + 2))) +
          0.5 * std::cos(1.3 * static_cast<double>(label) + static_cast<double>(j));
    }
  }
  return set;
}

struct Expected {
  int64_t classes;
  double c, objective;
  std::vector<double> last_row;
  double last_intercept;
};

// scikit-learn 1.9.1, LogisticRegression(C=c, tol=1e-12, max_iter=100000) on make_set(60, 4, classes).
const std::vector<Expected> sklearn = {
    {2, 0.01, 0.6817671388319098, {-0.049112962, -0.086258382, -0.037940917, 0.033649113}, 0.013435427},
    {2, 1, 0.5682821966856729, {-0.593945754, -1.043125743, -0.463799216, 0.381283898}, 0.146669236},
    {2, 100, 0.5505606238415247, {-0.714869719, -1.250721459, -0.564036521, 0.442665662}, 0.167008161},
    {3, 0.01, 1.0673841128572643, {-0.084627748, -0.053817719, 0.035283552, 0.063743759}, 0.011148643},
    {3, 1, 0.8471237719619329, {-0.789823587, -0.495466506, 0.338865752, 0.630141031}, 0.004230216},
    {3, 100, 0.8191332947512413, {-0.944236525, -0.602185878, 0.388841416, 0.761256709}, -0.021140206},
    {5, 0.01, 1.5819171450561933, {0.024313217, 0.067142259, 0.025997575, -0.018099195}, -0.003323367},
    {5, 1, 1.2629712436422997, {0.378921492, 0.98422385, 0.320168465, -0.248350284}, -0.033053382},
    {5, 100, 1.1954445763061157, {0.565013119, 1.293572696, 0.389020067, -0.351127601}, -0.037095314}};

TEST(LogisticRegression, FindsScikitLearnsMinimum) {
  for (const Expected& expected : sklearn) {
    const Set set = make_set(60, 4, expected.classes);
    const LogisticRegression model =
        fit_logistic_regression(set.features, set.labels, expected.classes, {.c = expected.c, .tolerance = 1e-7});
    EXPECT_TRUE(model.converged);
    EXPECT_NEAR(model.objective, expected.objective, 1e-12);
    for (int64_t j = 0; j < 4; ++j) {
      EXPECT_NEAR(model.weight[expected.classes - 1][j].item<double>(), expected.last_row[static_cast<size_t>(j)],
                  1e-5);
    }
    EXPECT_NEAR(model.intercept[expected.classes - 1].item<double>(), expected.last_intercept, 1e-5);
  }
}

TEST(LogisticRegression, StopsWithinTheToleranceInAsFewSteps) {
  for (const Expected& expected : sklearn) {
    const Set set = make_set(60, 4, expected.classes);
    const LogisticRegression model =
        fit_logistic_regression(set.features, set.labels, expected.classes, {.c = expected.c});
    EXPECT_LE(model.gradient_max, 1e-4);
    EXPECT_LE(model.iterations, 15);  // scikit-learn: 5 to 11
    EXPECT_NEAR(model.objective, expected.objective, 1e-6);
  }
}

TEST(LogisticRegression, SkipsClassesWithoutExamples) {
  Set set = make_set(60, 4, 3);
  const LogisticRegression plain = fit_logistic_regression(set.features, set.labels, 3);
  const LogisticRegression spread = fit_logistic_regression(set.features, set.labels * 2, 6);
  EXPECT_TRUE(at::equal(plain.predict(set.features) * 2, spread.predict(set.features)));
  EXPECT_EQ(spread.weight.size(0), 6);
  const LogisticRegression two = fit_logistic_regression(set.features, (set.labels > 0).to(at::kLong) * 4, 6);
  const at::Tensor predicted = two.predict(set.features);
  EXPECT_TRUE(((predicted == 0) | (predicted == 4)).all().item<bool>());
}

TEST(LogisticRegression, SurvivesSeparableDataAndHugeC) {
  const at::Tensor x = at::tensor({-2.0, -1.0, 1.0, 2.0}).view({4, 1}).to(at::kDouble);
  const at::Tensor y = at::tensor({0, 0, 1, 1}, at::kLong);
  for (const double c : {1e-6, 1e6}) {
    const LogisticRegression model = fit_logistic_regression(x, y, 2, {.c = c});
    EXPECT_TRUE(model.weight.isfinite().all().item<bool>());
    EXPECT_TRUE(c < 1 || at::equal(model.predict(x), y));
  }
}

TEST(LogisticRegression, RefusesBadInput) {
  const Set set = make_set(10, 2, 2);
  EXPECT_THROW(fit_logistic_regression(set.features, at::zeros({10}, at::kLong), 2), Error);
  EXPECT_THROW(fit_logistic_regression(set.features, set.labels, 1), Error);
  EXPECT_THROW(fit_logistic_regression(set.features * NAN, set.labels, 2), Error);
  EXPECT_THROW(fit_logistic_regression(set.features, set.labels, 2, {.c = 0}), UsageError);
  EXPECT_THROW(fit_logistic_regression(set.features, set.labels, 2).predict(at::zeros({1, 3})), Error);
}

// scikit-learn 1.9.1 by the same search: MERU's protocol with max_iter=1000, tol=1e-4.
TEST(LinearProbe, ChoosesAsScikitLearnDoes) {
  struct Case {
    int64_t classes;
    double c, validation, test;
    std::vector<double> tried;
  };
  for (const Case& expected :
       {Case{4,
             1.0,
             0.4125,
             0.55,
             {0.3375, 0.3375, 0.375, 0.4125, 0.4125, 0.4125, 0.4125, 0.3875, 0.4125, 0.4125, 0.4125, 0.4125, 0.4125,
              0.4125, 0.4125}},
        Case{2,
             0.01,
             0.8125,
             0.75,
             {0.8, 0.8, 0.8125, 0.8125, 0.8, 0.8, 0.8, 0.8, 0.8125, 0.8125, 0.8125, 0.8125, 0.8125, 0.8125, 0.8125}}}) {
    const Set train = make_set(80, 6, expected.classes, 0, 2.5),
              validation = make_set(80, 6, expected.classes, 1000, 2.5),
              test = make_set(80, 6, expected.classes, 5000, 2.5);
    const ProbeResult result =
        linear_probe(train.features, train.labels, validation.features, validation.labels, expected.classes);
    EXPECT_NEAR(result.c, expected.c, 1e-9 * expected.c);
    EXPECT_DOUBLE_EQ(result.validation_accuracy, expected.validation);
    ASSERT_EQ(result.tried.size(), expected.tried.size());
    for (size_t i = 0; i < expected.tried.size(); ++i) EXPECT_NEAR(result.tried[i].second, expected.tried[i], 1e-6);
    EXPECT_DOUBLE_EQ(macro_accuracy(result.model.predict(test.features), test.labels, expected.classes), expected.test);
  }
}

TEST(LinearProbe, SweepsTheAgreedValues) {
  const Set set = make_set(30, 3, 3);
  const ProbeResult result = linear_probe(set.features, set.labels, set.features, set.labels, 3);
  ASSERT_EQ(result.tried.size(), 7u + 2 * 4);
  for (int i = 0; i < 7; ++i) EXPECT_NEAR(std::log10(result.tried[static_cast<size_t>(i)].first), -6 + 2 * i, 1e-9);
  EXPECT_NEAR(result.tried[8].first / result.tried[7].first, 100, 1e-9);  // best / 10 and best * 10
  EXPECT_NEAR(result.tried[14].first / result.tried[13].first, std::pow(10, 0.25),
              1e-9);  // the last: 10^(1/8) each way
  EXPECT_THROW(linear_probe(set.features, set.labels, set.features, set.labels, 3, {.factor = 1}), UsageError);
}

}  // namespace
}  // namespace cambium::metrics
