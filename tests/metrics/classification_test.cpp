#include "metrics/classification.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace cambium::metrics {
namespace {

at::Tensor labels_of(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

TEST(TopK, CountsTheRank) {
  const at::Tensor scores = at::tensor({0.1, 0.5, 0.4, 0.9, 0.3, 0.6, 0.2, 0.2, 0.2}).view({3, 3});
  const at::Tensor labels = labels_of({2, 2, 1});
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores, labels, 1), 0.0);
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores, labels, 2), 1.0);
  EXPECT_TRUE(in_top_k(scores, labels_of({1, 0, 0}), 1).all().item<bool>());
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores, labels, 9), 1.0);
}

TEST(TopK, TiesGoByTheLowerClass) {
  const at::Tensor scores = at::zeros({4, 4});
  // A model that says nothing must not score above chance.
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores, labels_of({0, 1, 2, 3}), 1), 0.25);
  EXPECT_DOUBLE_EQ(top_k_accuracy(scores, labels_of({0, 1, 2, 3}), 2), 0.5);
}

TEST(TopK, RefusesBadInput) {
  EXPECT_THROW(in_top_k(at::zeros({2, 3}), labels_of({0, 3}), 1), Error);
  EXPECT_THROW(in_top_k(at::zeros({2, 3}), labels_of({0, -1}), 1), Error);
  EXPECT_THROW(in_top_k(at::zeros({2, 3}), labels_of({0}), 1), Error);
  EXPECT_THROW(in_top_k(at::zeros({0, 3}), at::empty({0}, at::kLong), 1), Error);
  EXPECT_THROW(in_top_k(at::full({1, 2}, NAN), labels_of({0}), 1), Error);
  EXPECT_THROW(in_top_k(at::zeros({1, 2}), labels_of({0}), 0), Error);
  EXPECT_THROW(in_top_k(at::zeros({1, 2}), at::zeros({1}), 1), Error);
}

TEST(MacroAccuracy, LeavesOutClassesThatNeverOccur) {
  // Labels 0 0 0 1; predictions 0 0 2 1: recalls 2/3, 1, (2: predicted, never a label) 0; class 3 does not occur.
  const at::Tensor confusion = confusion_matrix(labels_of({0, 0, 2, 1}), labels_of({0, 0, 0, 1}), 4);
  EXPECT_EQ(confusion[0][2].item<int64_t>(), 1);
  EXPECT_EQ(confusion.sum().item<int64_t>(), 4);
  EXPECT_DOUBLE_EQ(macro_accuracy(confusion), (2.0 / 3 + 1 + 0) / 3);
  const at::Tensor recall = per_class_recall(confusion);
  EXPECT_DOUBLE_EQ(recall[0].item<double>(), 2.0 / 3);
  EXPECT_TRUE(std::isnan(recall[2].item<double>()));
  EXPECT_DOUBLE_EQ(macro_accuracy(labels_of({1, 1}), labels_of({1, 1}), 2), 1.0);
}

TEST(MacroAccuracy, WeighsClassesNotExamples) {
  const at::Tensor labels = labels_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  EXPECT_DOUBLE_EQ(macro_accuracy(at::zeros({10}, at::kLong), labels, 2), 0.5);
}

TEST(ConfusionMatrix, RefusesClassesOutOfRange) {
  EXPECT_THROW(confusion_matrix(labels_of({2}), labels_of({0}), 2), Error);
  EXPECT_THROW(confusion_matrix(labels_of({0}), labels_of({2}), 2), Error);
  EXPECT_THROW(confusion_matrix(labels_of({0, 1}), labels_of({0}), 2), Error);
}

}  // namespace
}  // namespace cambium::metrics
