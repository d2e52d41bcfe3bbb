#include "systems/sam_adapter/eval/model_eval.h"

#include <ATen/ops/sigmoid.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "data/masks/transform.h"
#include "io/image_tensor.h"

namespace cambium::systems::sam_adapter {
namespace {

using cambium::data::MaskedImage;

// The picture as the network takes it, u8 [3, S, S].
at::Tensor squashed(const MaskedImage& pair, int64_t size) { return cambium::data::transform(pair, size).image; }

}  // namespace

ModelEvaluation::ModelEvaluation(const Recipe& recipe, std::shared_ptr<const Adapted> adapted)
    : adapted_(std::move(adapted)) {
  if (!recipe.has_validation_set()) {
    throw UsageError({.what = "the recipe names no set to evaluate on",
                      .field = "validation",
                      .mend = "set validation.split, or validation.images and validation.masks"});
  }
  if (adapted_->classes() != recipe.model.classes) {
    throw UsageError({.what = "is " + std::to_string(recipe.model.classes) + ", but the model predicts " +
                              std::to_string(adapted_->classes()),
                      .field = "model.classes",
                      .mend = "use the recipe that the model was trained with"});
  }
  sets_ = cambium::data::open_mask_sets(recipe.validation_set());
}

PredictedMask ModelEvaluation::predict(const MaskedImage& pair) const {
  const at::Tensor logits =
      adapted_->segment_square(squashed(pair, adapted_->image_size())).to(at::kFloat);  // [1, S, S]
  const at::Tensor own = cambium::sam_adapter::upscale(logits.unsqueeze(0), pair.mask.height, pair.mask.width);
  return {.probability = at::sigmoid(own[0][0]).cpu(), .at_input = at::sigmoid(logits[0]).cpu()};
}

std::vector<ScoredSet> ModelEvaluation::run(const EvalOptions& options) const {
  std::vector<ScoredSet> out;
  for (const auto& [name, pairs] : sets_) {
    out.push_back(evaluate_model(
        name, *pairs,
        [&](const MaskedImage& pair) {
          interrupt::check();
          return predict(pair);
        },
        options));
  }
  return out;
}

std::vector<std::pair<std::string, metrics::ClassScores>> ModelEvaluation::run_classes() const {
  std::vector<std::pair<std::string, metrics::ClassScores>> out;
  for (const auto& [name, pairs] : sets_) {
    metrics::ClassConfusion confusion(adapted_->classes());
    Progress bar("evaluating " + name, pairs->size(), "pictures");
    for (int64_t i = 0; i < pairs->size(); ++i) {
      interrupt::check();
      const MaskedImage pair = cambium::data::decode_pair(pairs->get(i), pairs->options());
      confusion.add(adapted_->segment(pair.image).argmax(0), io::to_tensor(pair.mask)[0], cambium::data::kIgnoredLabel);
      bar.update(i + 1);
    }
    out.emplace_back(name, confusion.scores());
  }
  return out;
}

Exhibit ModelEvaluation::exhibit(int64_t set, int64_t image) const {
  const auto& pairs = *sets_[static_cast<size_t>(set)].pairs;
  MaskedImage pair = cambium::data::decode_pair(pairs.get(image), pairs.options());
  io::Image prediction = io::from_tensor(predict(pair).probability.unsqueeze(0));
  return {.picture = std::move(pair.image), .mask = std::move(pair.mask), .prediction = std::move(prediction)};
}

report::Table class_table(const std::vector<std::pair<std::string, metrics::ClassScores>>& sets) {
  using report::Format;
  report::Table table{.title = "Classes",
                      .columns = {"set", "class", {"IoU", Format::fixed, 3}, {"Dice", Format::fixed, 3}},
                      .note = "Counted over each set; the mean is over the classes that occur."};
  for (const auto& [name, scores] : sets) {
    for (size_t c = 0; c < scores.iou.size(); ++c) {
      table.rows.push_back({name, std::to_string(c), scores.iou[c], scores.dice[c]});
    }
    table.rows.push_back({name, "mean", scores.mean_iou, scores.mean_dice});
  }
  return table;
}

nlohmann::ordered_json to_json(const std::vector<std::pair<std::string, metrics::ClassScores>>& sets) {
  const auto list = [](const std::vector<double>& values) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const double value : values)
      out.push_back(std::isnan(value) ? nlohmann::ordered_json() : nlohmann::ordered_json(value));
    return out;
  };
  nlohmann::ordered_json out = {{"sets", nlohmann::ordered_json::array()}};
  for (const auto& [name, scores] : sets) {
    out["sets"].push_back({{"name", name},
                           {"mean_iou", scores.mean_iou},
                           {"mean_dice", scores.mean_dice},
                           {"pixel_accuracy", scores.pixel_accuracy},
                           {"pixels", scores.pixels},
                           {"iou", list(scores.iou)},
                           {"dice", list(scores.dice)}});
  }
  return out;
}

}  // namespace cambium::systems::sam_adapter
