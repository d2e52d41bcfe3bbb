#pragma once
// How well a model does on a whole set of masks, while it is trained.
#include <filesystem>
#include <functional>
#include <memory>

#include "data/masks/mask_pairs.h"
#include "models/sam_adapter/model.h"
#include "systems/sam_adapter/recipe.h"
#include "train/distributed.h"
#include "train/scalars.h"

namespace cambium::systems::sam_adapter {

class Validation {
 public:
  // Over all of `pairs`; each rank takes its share. Masks are compared at their own size; with compat: official at the
  // network's, as the original does.
  Validation(const Recipe& recipe, std::shared_ptr<const cambium::data::MaskPairs> pairs, int64_t image_size);

  // Binary masks: s, e, wf, mae, ber, dice, iou. Several classes: dice and iou, the means over classes that occur in
  // masks or predictions, as cambium eval gives them. The same on every rank.
  train::Scalars run(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks) const;

  // The recipe's metric of such scalars, so that larger is better.
  double goodness(const train::Scalars& scalars) const;
  const cambium::data::MaskPairs& pairs() const { return *pairs_; }

 private:
  train::Scalars binary(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks) const;
  train::Scalars classes(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks) const;
  // Calls `seen` with logits [classes, H, W] and mask u8 [H, W] of this rank's pictures.
  void each(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks,
            const std::function<void(const at::Tensor&, const at::Tensor&)>& seen) const;

  Recipe recipe_;
  std::shared_ptr<const cambium::data::MaskPairs> pairs_;
  int64_t image_size_;
};

}  // namespace cambium::systems::sam_adapter
