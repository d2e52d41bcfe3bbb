#pragma once
// The evaluation of a trained adapter by the recipe it was trained with: on the recipe's validation set, each of the
// sets that it names apart.
#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/masks/layouts.h"
#include "metrics/segmentation/classes.h"
#include "report/table.h"
#include "systems/sam_adapter/adapted.h"
#include "systems/sam_adapter/eval/page.h"
#include "systems/sam_adapter/recipe.h"

namespace cambium::systems::sam_adapter {

class ModelEvaluation {
 public:
  // Opens and checks the sets. UsageError where the recipe names no validation set, or another number of classes than
  // the model has.
  ModelEvaluation(const Recipe& recipe, std::shared_ptr<const Adapted> adapted);

  // Binary masks at their own size; in compat mode also at the network's, where the original scores.
  std::vector<ScoredSet> run(const EvalOptions& options) const;
  // Several classes: counted over each set.
  std::vector<std::pair<std::string, metrics::ClassScores>> run_classes() const;
  bool binary() const { return adapted_->classes() == 1; }

  // For the page: runs the model again.
  Exhibit exhibit(int64_t set, int64_t image) const;

 private:
  PredictedMask predict(const cambium::data::MaskedImage& pair) const;

  std::shared_ptr<const Adapted> adapted_;
  std::vector<cambium::data::NamedMaskSet> sets_;
};

// A row per set and class, and one of the means.
report::Table class_table(const std::vector<std::pair<std::string, metrics::ClassScores>>& sets);
nlohmann::ordered_json to_json(const std::vector<std::pair<std::string, metrics::ClassScores>>& sets);

}  // namespace cambium::systems::sam_adapter
