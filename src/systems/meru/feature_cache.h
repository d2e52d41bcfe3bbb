#pragma once
// What frozen towers make of the training pairs, computed once: then only the projections are left to train, from rows
// of a few kilobytes.
//
// In the run folder: features/part_00000.safetensors, ... with `image` [n, W] and `text` [n, V] in float32 and the
// position in the data behind the part, then features/complete.json. Stopped at any moment, the next call goes on
// behind the last part.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "systems/meru/pair_source.h"

namespace cambium::systems::meru {

class FeatureCache {
 public:
  // Everything that `loader` (finite, unshuffled) has to give, with progress. `key` stands for all that the features
  // depend on: parts with another key are thrown away. An empty folder keeps them in memory. Error: no pair at all, a
  // damaged part.
  static std::shared_ptr<const FeatureCache> make(cambium::clip::CLIP& model, data::Loader<Pair>& loader,
                                                  const std::filesystem::path& folder, const std::string& key);
  // For a dry run: one batch of the loader, timed and logged, its rows repeated up to `pairs`.
  static std::shared_ptr<const FeatureCache> rehearse(cambium::clip::CLIP& model, data::Loader<Pair>& loader,
                                                      int64_t pairs);

  int64_t size() const { return size_; }  // pairs
  // Tower features of the pictures [n, W] and of the texts [n, V] of these rows.
  std::pair<at::Tensor, at::Tensor> rows(const std::vector<int64_t>& rows) const;

 private:
  struct Part {
    int64_t begin = 0;
    at::Tensor image, text;
  };
  void add(at::Tensor image, at::Tensor text);
  bool open(data::Loader<Pair>& loader, const std::filesystem::path& folder, const std::string& key);

  std::vector<Part> parts_;
  int64_t size_ = 0;
};

// Steps over a cache: every pass in an order of its own, the pairs of a step distinct. With `views` augmented views of
// the data in the cache, one after another, pass p takes view p mod views.
class CachedPairs : public PairSource {
 public:
  struct Options {
    int64_t micro_batch = 0;  // pairs
    int64_t views = 1;
    uint64_t seed = 0;
  };
  CachedPairs(std::shared_ptr<cambium::clip::CLIP> model, std::shared_ptr<const FeatureCache> cache, Options options);

  // UsageError if a view holds fewer pairs than a step.
  void fetch(int64_t micro_batches) override;
  std::vector<at::Tensor> features(int64_t micro_batch) override;
  nlohmann::json state() const override;
  void restore(const nlohmann::json& state) override;
  int64_t micro_batch_bytes() const override;

 private:
  void shuffle();

  std::shared_ptr<cambium::clip::CLIP> model_;
  std::shared_ptr<const FeatureCache> cache_;
  Options options_;
  int64_t pass_ = 0, position_ = 0;  // position_: in order_
  std::vector<int64_t> order_;
  std::vector<std::vector<int64_t>> batches_;  // rows
};

}  // namespace cambium::systems::meru
