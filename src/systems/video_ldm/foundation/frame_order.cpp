#include "systems/video_ldm/foundation/frame_order.h"

#include "core/random.h"

namespace cambium::systems::video_ldm::foundation {

FrameOrder::FrameOrder(std::vector<int64_t> rows, const TrainRecipe& recipe, const train::Distributed& ranks)
    : rows_(std::move(rows)),
      batch_(batch_of_rank(recipe, ranks.world())),
      order_({.rows = static_cast<int64_t>(rows_.size()),
              .seed = mix_seed(recipe.run.seed, "frames", static_cast<uint64_t>(ranks.rank()))}) {}

std::vector<int64_t> FrameOrder::next() {
  std::vector<int64_t> chosen = order_.next(1, batch_).front();
  for (int64_t& row : chosen) row = rows_[static_cast<size_t>(row)];
  return chosen;
}

}  // namespace cambium::systems::video_ldm::foundation
