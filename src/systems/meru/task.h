#pragma once
// Contrastive training of MERU, CLIP and their successors, as the loop sees it.
#include <memory>

#include "models/meru/model.h"
#include "systems/meru/pair_source.h"
#include "systems/meru/recipe.h"
#include "train/task.h"

namespace cambium::systems::meru {

class ContrastiveTask : public train::Task {
 public:
  // The model is trained in place; with peft.method, checkpoints hold only what is trained. `ranks` must outlive the
  // task.
  ContrastiveTask(const Recipe& recipe, std::shared_ptr<cambium::clip::CLIP> model, std::unique_ptr<PairSource> pairs,
                  const train::Distributed& ranks);

  std::vector<train::OptimizerSet> optimizers() override;
  void fetch(const train::StepContext& context) override;
  train::Scalars accumulate(const train::StepContext& context, size_t set) override;
  train::NamedTensors checkpoint_tensors() override;
  std::map<std::string, std::string> checkpoint_metadata() override;
  nlohmann::json data_state() const override { return pairs_->state(); }
  void restore_data(const nlohmann::json& state) override { pairs_->restore(state); }
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override { return pairs_->micro_batch_bytes(); }

 private:
  Recipe recipe_;
  cambium::meru::LossOptions loss_options_;
  std::shared_ptr<cambium::clip::CLIP> model_;
  std::unique_ptr<PairSource> pairs_;
  const train::Distributed& ranks_;
  int64_t micro_batches_ = 0;
};

// MERU's parameter groups: "regular"; "gain_bias" (a norm's parameters, anything with bias in its name); "excluded"
// from decay (logit_scale, curv, visual_alpha, textual_alpha). Frozen parameters are left out.
std::vector<train::ParameterGroup> parameter_groups(const torch::nn::Module& model, double weight_decay,
                                                    double gain_bias_decay);

}  // namespace cambium::systems::meru
