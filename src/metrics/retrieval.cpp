#include "metrics/retrieval.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "metrics/checks.h"

namespace cambium::metrics {
namespace {

void check_relevant(const std::vector<std::vector<int64_t>>& relevant, int64_t candidates) {
  if (relevant.empty()) throw Error({.what = "there are no queries", .field = "relevant", .mend = "give at least one"});
  for (size_t i = 0; i < relevant.size(); ++i) {
    if (relevant[i].empty()) {
      throw Error({.what = "query " + std::to_string(i) + " has no right candidate",
                   .field = "relevant",
                   .mend = "leave such queries out"});
    }
    for (const int64_t candidate : relevant[i]) {
      if (candidate >= 0 && candidate < candidates) continue;
      throw Error({.what = "query " + std::to_string(i) + " names candidate " + std::to_string(candidate) + " of " +
                           std::to_string(candidates),
                   .field = "relevant",
                   .mend = "check the ids"});
    }
  }
}

// Right candidates of queries first .. first + count - 1, filled up by repeating each query's first one: [count, most].
at::Tensor padded(const std::vector<std::vector<int64_t>>& relevant, int64_t first, int64_t count) {
  size_t most = 1;
  for (int64_t i = first; i < first + count; ++i) most = std::max(most, relevant[static_cast<size_t>(i)].size());
  at::Tensor index = at::empty({count, static_cast<int64_t>(most)}, at::kLong);
  auto* out = index.data_ptr<int64_t>();
  for (int64_t i = first; i < first + count; ++i) {
    const auto& list = relevant[static_cast<size_t>(i)];
    out = std::copy(list.begin(), list.end(), out);
    out = std::fill_n(out, most - list.size(), list.front());
  }
  return index;
}

double median_of(const at::Tensor& ranks) {
  const at::Tensor sorted = std::get<0>(ranks.sort());
  const int64_t n = sorted.size(0);
  return 1 + 0.5 * static_cast<double>(sorted[(n - 1) / 2].item<int64_t>() + sorted[n / 2].item<int64_t>());
}

}  // namespace

void RecallOptions::validate() const {
  if (ks.empty() || std::any_of(ks.begin(), ks.end(), [](int64_t k) { return k < 1; })) {
    throw UsageError({.what = "needs values of at least 1", .field = "ks", .mend = "give for instance 1, 5, 10"});
  }
  if (block < 1) throw UsageError({.what = "is " + std::to_string(block), .field = "block", .mend = "give at least 1"});
}

Recall retrieval_recall(const ScoreBlock& scores, const std::vector<std::vector<int64_t>>& relevant, int64_t candidates,
                        const RecallOptions& options) {
  options.validate();
  check_relevant(relevant, candidates);
  const auto queries = static_cast<int64_t>(relevant.size());
  Recall result{.ks = options.ks, .recall = {}, .ranks = at::empty({queries}, at::kLong)};
  for (int64_t first = 0; first < queries; first += options.block) {
    const int64_t count = std::min(options.block, queries - first);
    const at::Tensor block = scores(first, count);  // [count, M]
    if (block.dim() != 2 || block.size(0) != count || block.size(1) != candidates) {
      throw Error({.what = "a block of scores has another shape than [" + std::to_string(count) + ", " +
                           std::to_string(candidates) + "]",
                   .field = "scores",
                   .mend = "score the queries asked for against all candidates"});
    }
    if (block.isnan().any().item<bool>()) {
      throw Error(
          {.what = "holds values that are not numbers", .field = "scores", .mend = "check the embeddings for NaN"});
    }
    const at::Tensor best =
        block.gather(1, padded(relevant, first, count).to(block.device())).amax(1, true);  // [count, 1]
    result.ranks.narrow(0, first, count).copy_((block > best).sum(1));
  }
  for (const int64_t k : options.ks) result.recall.push_back((result.ranks < k).to(at::kDouble).mean().item<double>());
  result.median_rank = median_of(result.ranks);
  return result;
}

Recall retrieval_recall(const at::Tensor& scores, const std::vector<std::vector<int64_t>>& relevant,
                        const RecallOptions& options) {
  check_shape(scores, "scores", 2);
  if (scores.size(0) != static_cast<int64_t>(relevant.size())) {
    throw Error(
        {.what = "has " + std::to_string(scores.size(0)) + " rows for " + std::to_string(relevant.size()) + " queries",
         .field = "scores",
         .mend = "give one row per query"});
  }
  return retrieval_recall([&](int64_t first, int64_t count) { return scores.narrow(0, first, count); }, relevant,
                          scores.size(1), options);
}

CrossModalRecall cross_modal_recall(const ScoreBlock& image_to_text, const ScoreBlock& text_to_image, int64_t images,
                                    const std::vector<int64_t>& caption_image, const RecallOptions& options) {
  std::vector<std::vector<int64_t>> captions_of(static_cast<size_t>(std::max<int64_t>(images, 0))), image_of;
  for (size_t j = 0; j < caption_image.size(); ++j) {
    if (caption_image[j] < 0 || caption_image[j] >= images) {
      throw Error({.what = "caption " + std::to_string(j) + " names image " + std::to_string(caption_image[j]) +
                           " of " + std::to_string(images),
                   .field = "caption_image",
                   .mend = "check the ids"});
    }
    captions_of[static_cast<size_t>(caption_image[j])].push_back(static_cast<int64_t>(j));
    image_of.push_back({caption_image[j]});
  }
  return {.image_to_text =
              retrieval_recall(image_to_text, captions_of, static_cast<int64_t>(caption_image.size()), options),
          .text_to_image = retrieval_recall(text_to_image, image_of, images, options)};
}

}  // namespace cambium::metrics
