#pragma once
// Which frames the next batch takes: every pass in an order of its own, each rank in another.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "systems/video_ldm/foundation/recipe.h"
#include "train/distributed.h"
#include "train/feature_store.h"

namespace cambium::systems::video_ldm::foundation {

class FrameOrder {
 public:
  // `rows`: the frames to choose from. UsageError where the batch does not divide among the ranks, or is larger than
  // the set.
  FrameOrder(std::vector<int64_t> rows, const TrainRecipe& recipe, const train::Distributed& ranks);

  std::vector<int64_t> next();

  int64_t batch() const { return batch_; }  // on this rank
  nlohmann::json state() const { return order_.state(); }
  void restore(const nlohmann::json& state) { order_.restore(state); }

 private:
  std::vector<int64_t> rows_;
  int64_t batch_;
  train::RowOrder order_;
};

}  // namespace cambium::systems::video_ldm::foundation
