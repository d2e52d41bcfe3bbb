#pragma once
// What frozen towers make of the training pairs, computed once: then only the projections are left to train, from rows
// of a few kilobytes.
#include <memory>
#include <vector>

#include "systems/meru/pair_source.h"
#include "train/feature_store.h"

namespace cambium::systems::meru {

// The towers' features of everything that `loader` (finite, unshuffled) has to give: rows of "image" [W] and "text"
// [V], float32. `key` and an empty folder: as of train::FeatureStore::Options. Errors: its own.
std::shared_ptr<const train::FeatureStore> tower_features(cambium::clip::CLIP& model, data::Loader<Pair>& loader,
                                                          const std::filesystem::path& folder, const std::string& key);
// For a dry run: one batch of the loader, timed and logged, its rows repeated up to `pairs`.
std::shared_ptr<const train::FeatureStore> rehearse_tower_features(cambium::clip::CLIP& model,
                                                                   data::Loader<Pair>& loader, int64_t pairs);

// Steps over such features.
class CachedPairs : public PairSource {
 public:
  CachedPairs(std::shared_ptr<cambium::clip::CLIP> model, std::shared_ptr<const train::FeatureStore> features,
              int64_t micro_batch, train::RowOrder order);

  // UsageError if a view holds fewer pairs than a step.
  void fetch(int64_t micro_batches) override;
  std::vector<at::Tensor> features(int64_t micro_batch) override;
  nlohmann::json state() const override { return order_.state(); }
  void restore(const nlohmann::json& state) override { order_.restore(state); }
  int64_t micro_batch_bytes() const override { return micro_batch_ * features_->row_bytes(); }

 private:
  std::shared_ptr<cambium::clip::CLIP> model_;
  std::shared_ptr<const train::FeatureStore> features_;
  int64_t micro_batch_;
  train::RowOrder order_;
  std::vector<std::vector<int64_t>> batches_;  // rows
};

}  // namespace cambium::systems::meru
