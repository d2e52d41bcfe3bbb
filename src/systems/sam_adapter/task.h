#pragma once
// The training of an adapted SAM, as the loop sees it.
#include <memory>
#include <optional>

#include "systems/sam_adapter/adapt.h"
#include "systems/sam_adapter/mask_source.h"
#include "systems/sam_adapter/recipe.h"
#include "systems/sam_adapter/validation.h"
#include "train/task.h"

namespace cambium::systems::sam_adapter {

// How long a run is and how it is cut up.
struct Course {
  int64_t steps = 0, steps_per_epoch = 0;
  int64_t micro_batches = 1, micro_batch = 1;  // per rank and step
  // For a set of `pictures`. UsageError where the batch does not divide.
  static Course of(const TrainRecipe& recipe, int64_t pictures, int64_t world);
};

class MaskTask : public train::Task {
 public:
  // The model is trained in place; checkpoints hold only what is trained. `ranks` must outlive the task.
  MaskTask(LoadedRecipe recipe, AdaptedModel adapted, std::unique_ptr<MaskSource> source, const Course& course,
           const train::Distributed& ranks);

  // Evaluates on this set, and keeps the best delta so far in `run`/best.safetensors, with its numbers in best.json;
  // empty: keeps none. One that is there already is only replaced by a better one.
  void set_validation(std::unique_ptr<Validation> validation, const std::filesystem::path& run);

  std::vector<train::OptimizerSet> optimizers() override;
  void fetch(const train::StepContext& context) override;
  train::Scalars accumulate(const train::StepContext& context, size_t set) override;
  train::Scalars evaluate(const train::StepContext& context) override;
  train::NamedTensors checkpoint_tensors() override { return delta_tensors(*adapted_.model, recipe_.recipe); }
  std::map<std::string, std::string> checkpoint_metadata() override;
  nlohmann::json data_state() const override { return source_->state(); }
  void restore_data(const nlohmann::json& state) override { source_->restore(state); }
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override { return source_->micro_batch_bytes(); }

 private:
  double positive_share(int64_t micro_batches) const;

  LoadedRecipe recipe_;
  AdaptedModel adapted_;
  std::unique_ptr<MaskSource> source_;
  Course course_;
  const train::Distributed& ranks_;
  std::unique_ptr<Validation> validation_;
  std::filesystem::path run_;
  std::optional<double> best_;
};

}  // namespace cambium::systems::sam_adapter
