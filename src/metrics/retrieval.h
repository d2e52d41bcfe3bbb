#pragma once
// Retrieval with several right answers per query (an image and its captions).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace cambium::metrics {

// Gives the scores [n, M] (higher is better) of queries first .. first + n - 1 against all M candidates.
using ScoreBlock = std::function<at::Tensor(int64_t first, int64_t count)>;

struct RecallOptions {
  std::vector<int64_t> ks = {1, 5, 10};
  int64_t block = 256;  // queries at a time, so that no N x M matrix need exist

  void validate() const;
};

struct Recall {
  std::vector<int64_t> ks;
  std::vector<double> recall;  // per k: share of queries with any right candidate among the k best
  at::Tensor ranks;        // [N] int64: how many candidates score strictly higher than the best right one (0 = first)
  double median_rank = 0;  // 1-based
};

// `relevant[i]` lists the candidates that are right for query i (at least one each). A right candidate tied with wrong
// ones takes the better rank; NaN scores are an error.
Recall retrieval_recall(const ScoreBlock& scores, const std::vector<std::vector<int64_t>>& relevant, int64_t candidates,
                        const RecallOptions& options = {});
// From a whole matrix [N, M].
Recall retrieval_recall(const at::Tensor& scores, const std::vector<std::vector<int64_t>>& relevant,
                        const RecallOptions& options = {});

// Both ways between images and their captions: `caption_image[j]` is the image of caption j. `image_to_text` gives
// scores of images against all captions, `text_to_image` of captions against all images.
struct CrossModalRecall {
  Recall image_to_text, text_to_image;
};
CrossModalRecall cross_modal_recall(const ScoreBlock& image_to_text, const ScoreBlock& text_to_image, int64_t images,
                                    const std::vector<int64_t>& caption_image, const RecallOptions& options = {});

}  // namespace cambium::metrics
