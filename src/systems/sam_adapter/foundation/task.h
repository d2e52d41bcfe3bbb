#pragma once
// Promptable training of a small SAM, as the loop sees it (arXiv 2304.02643, section 3 and appendix A; the auxiliary
// head is this project's own).
#include <memory>

#include "data/loader.h"
#include "models/sam/layers.h"
#include "models/sam/sam.h"
#include "systems/sam_adapter/foundation/prompts.h"
#include "systems/sam_adapter/foundation/recipe.h"
#include "train/task.h"

namespace cambium::systems::sam_adapter::foundation {

// What every neck cell holds: where objects are and where they end, at four times the grid. It teaches the encoder
// early what the decoder asks of it late, and is thrown away.
class AuxiliaryHead : public torch::nn::Module {
 public:
  explicit AuxiliaryHead(int64_t channels);
  // embedding [B, C, h, w] -> logits [B, 2, 4h, 4w]: object, edge
  at::Tensor forward(const at::Tensor& embedding) const;
  void initialize(at::Generator& generator) { proj_->initialize(generator); }

 private:
  std::shared_ptr<cambium::sam::Conv2d> proj_;
};

// Mean IoU of answers against truth on scenes with objects and backgrounds held out, thresholded at logit 0.
struct FoundationScores {
  double box = 0, point = 0, point_best = 0, whole = 0;  // point_best: of masks 1 to 3, by the model's own estimate
};
FoundationScores score(const cambium::sam::Sam& model, const std::vector<PromptBatch>& batches);

class FoundationTask : public train::BatchTask<PromptBatch> {
 public:
  using Loader = data::Loader<PromptedScene>;
  FoundationTask(const Recipe& recipe, std::shared_ptr<cambium::sam::Sam> model, std::unique_ptr<Loader> scenes,
                 std::vector<PromptBatch> validation);

  std::vector<train::OptimizerSet> optimizers() override;
  train::Scalars evaluate(const train::StepContext& context) override;
  train::NamedTensors checkpoint_tensors() override;
  std::map<std::string, std::string> checkpoint_metadata() override {
    return {{"format", "cambium.model"}, {"system", "sam_adapter"}};
  }
  nlohmann::json data_state() const override { return scenes_->state(); }
  void restore_data(const nlohmann::json& state) override { scenes_->restore(state); }
  int64_t total_parameters() override;
  int64_t micro_batch_bytes() const override;

 protected:
  PromptBatch next_batch(const train::StepContext& context) override;
  train::Loss loss(const PromptBatch& batch, const train::StepContext& context, size_t set) override;

 private:
  Recipe recipe_;
  std::shared_ptr<cambium::sam::Sam> model_;
  std::shared_ptr<AuxiliaryHead> auxiliary_;
  std::unique_ptr<Loader> scenes_;
  std::vector<PromptBatch> validation_;
  c10::Device device_;
};

}  // namespace cambium::systems::sam_adapter::foundation
