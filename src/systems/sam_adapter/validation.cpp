#include "systems/sam_adapter/validation.h"

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "data/masks/transform.h"
#include "io/image_tensor.h"
#include "metrics/segmentation/classes.h"
#include "metrics/segmentation/segmentation.h"

namespace cambium::systems::sam_adapter {

Validation::Validation(const Recipe& recipe, std::shared_ptr<const cambium::data::MaskPairs> pairs, int64_t image_size)
    : recipe_(recipe), pairs_(std::move(pairs)), image_size_(image_size) {}

void Validation::each(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks,
                      const std::function<void(const at::Tensor&, const at::Tensor&)>& seen) const {
  const at::NoGradGuard guard;
  const c10::Device device = model.no_mask_embed()->weight.device();
  for (int64_t i = ranks.rank(); i < pairs_->size(); i += ranks.world()) {
    interrupt::check();
    cambium::data::MaskedImage pair = cambium::data::decode_pair(pairs_->get(i), pairs_->options());
    const at::Tensor own = io::to_tensor(pair.mask).squeeze(0);  // [H, W]
    const cambium::data::MaskItem item = cambium::data::transform(std::move(pair), image_size_);
    const at::Tensor mask = recipe_.official() ? item.mask.squeeze(0) : own;
    at::Tensor logits = model.forward(cambium::data::normalise(item.image.to(device)).unsqueeze(0));
    logits = cambium::sam_adapter::upscale(logits, image_size_, image_size_);
    logits = cambium::sam_adapter::upscale(logits, mask.size(0), mask.size(1));
    seen(logits.squeeze(0).cpu(), mask);
  }
}

train::Scalars Validation::binary(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks) const {
  const auto options = recipe_.official() ? metrics::SegmentationOptions::official() : metrics::SegmentationOptions{};
  constexpr std::array kNames = {"s", "e", "wf", "mae", "dice", "iou", "ber"};
  at::Tensor sums = at::zeros({2, kNames.size()}, at::kDouble);  // sums and counts: what is undefined counts nowhere
  auto at = sums.accessor<double, 2>();
  each(model, ranks, [&](const at::Tensor& logits, const at::Tensor& mask) {
    const auto score = metrics::score_segmentation(at::sigmoid(logits[0]), mask, options);
    const std::array values = {score.s, score.e_mean, score.weighted_f, score.mae, score.dice, score.iou, score.ber};
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (std::isnan(values[i])) continue;
      at[0][i] += values[i];
      at[1][i] += 1;
    }
  });
  ranks.all_reduce_sum({sums});
  train::Scalars out;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (at[1][i] > 0) out.set(kNames[i], at[0][i] / at[1][i]);
  }
  return out;
}

train::Scalars Validation::classes(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks) const {
  metrics::ClassConfusion confusion(recipe_.model.classes);
  each(model, ranks, [&](const at::Tensor& logits, const at::Tensor& mask) {
    confusion.add(logits.argmax(0), mask, cambium::data::kIgnoredLabel);
  });
  ranks.all_reduce_sum({confusion.counts()});
  const metrics::ClassScores scores = confusion.scores();
  train::Scalars out;
  out.set("dice", scores.mean_dice);
  out.set("iou", scores.mean_iou);
  return out;
}

train::Scalars Validation::run(cambium::sam_adapter::SamAdapter& model, const train::Distributed& ranks) const {
  return recipe_.model.classes > 1 ? classes(model, ranks) : binary(model, ranks);
}

double Validation::goodness(const train::Scalars& scalars) const {
  const std::string& metric = recipe_.validation.metric;
  const double value = scalars.at(metric);
  return metric == "mae" || metric == "ber" ? -value : value;
}

}  // namespace cambium::systems::sam_adapter
