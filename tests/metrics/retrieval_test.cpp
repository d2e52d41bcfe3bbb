#include "metrics/retrieval.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/random.h"

namespace cambium::metrics {
namespace {

// By sorting, as one would on paper.
double plain_recall(const at::Tensor& scores, const std::vector<std::vector<int64_t>>& relevant, int64_t k) {
  int64_t hits = 0;
  for (int64_t i = 0; i < scores.size(0); ++i) {
    std::vector<int64_t> order(static_cast<size_t>(scores.size(1)));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return scores[i][a].item<float>() > scores[i][b].item<float>(); });
    const auto& right = relevant[static_cast<size_t>(i)];
    hits += std::any_of(order.begin(), order.begin() + k,
                        [&](int64_t j) { return std::find(right.begin(), right.end(), j) != right.end(); });
  }
  return static_cast<double>(hits) / static_cast<double>(scores.size(0));
}

TEST(Retrieval, AgreesWithSortingForAnyBlock) {
  auto generator = make_generator(1);
  const at::Tensor scores = at::randn({17, 40}, generator);
  std::vector<std::vector<int64_t>> relevant;
  for (int64_t i = 0; i < 17; ++i)
    relevant.push_back(i % 3 == 0 ? std::vector<int64_t>{i} : std::vector<int64_t>{i, 39 - i, 20});
  for (const int64_t block : {1, 5, 17, 100}) {
    const Recall recall = retrieval_recall(scores, relevant, {.ks = {1, 5, 10}, .block = block});
    for (size_t k = 0; k < recall.ks.size(); ++k)
      EXPECT_DOUBLE_EQ(recall.recall[k], plain_recall(scores, relevant, recall.ks[k]));
  }
}

TEST(Retrieval, BothWaysWithSeveralCaptionsPerImage) {
  // Two images, three captions: 0 and 2 of image 0, 1 of image 1.
  const at::Tensor image_text = at::tensor({0.1, 0.9, 0.5, 0.2, 0.8, 0.9}).view({2, 3});
  const at::Tensor text_image = image_text.t().contiguous();
  const auto rows = [](const at::Tensor& scores) {
    return [=](int64_t first, int64_t count) { return scores.narrow(0, first, count); };
  };
  const CrossModalRecall both = cross_modal_recall(rows(image_text), rows(text_image), 2, {0, 1, 0}, {.ks = {1, 2}});
  EXPECT_DOUBLE_EQ(both.image_to_text.recall[0], 0.0);  // each image's best caption is the other's
  EXPECT_DOUBLE_EQ(both.image_to_text.recall[1], 1.0);
  EXPECT_DOUBLE_EQ(both.text_to_image.recall[0], 0.0);
  EXPECT_DOUBLE_EQ(both.text_to_image.recall[1], 1.0);
  EXPECT_DOUBLE_EQ(both.image_to_text.median_rank, 2.0);
}

TEST(Retrieval, NeverAsksForMoreThanABlock) {
  int64_t most = 0;
  const auto scores = [&](int64_t first, int64_t count) {
    most = std::max(most, count);
    return at::zeros({count, 3});
  };
  const Recall recall = retrieval_recall(scores, std::vector<std::vector<int64_t>>(10, {0}), 3, {.block = 4});
  EXPECT_EQ(most, 4);
  EXPECT_EQ(recall.ranks.size(0), 10);
}

TEST(Retrieval, RefusesBadInput) {
  EXPECT_THROW(retrieval_recall(at::zeros({1, 2}), {{}}), Error);
  EXPECT_THROW(retrieval_recall(at::zeros({1, 2}), {{2}}), Error);
  EXPECT_THROW(retrieval_recall(at::zeros({1, 2}), {{-1}}), Error);
  EXPECT_THROW(retrieval_recall(at::zeros({2, 2}), {{0}}), Error);
  EXPECT_THROW(retrieval_recall(at::full({1, 2}, NAN), {{0}}), Error);
  EXPECT_THROW(retrieval_recall(at::zeros({1, 2}), {{0}}, {.ks = {0}}), Error);
  EXPECT_THROW(retrieval_recall(at::zeros({1, 2}), {{0}}, {.block = 0}), Error);
  const auto zeros = [](int64_t, int64_t count) { return at::zeros({count, 2}); };
  EXPECT_THROW(cross_modal_recall(zeros, zeros, 2, {0, 2}), Error);
}

}  // namespace
}  // namespace cambium::metrics
