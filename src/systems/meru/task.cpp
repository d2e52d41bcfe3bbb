#include "systems/meru/task.h"

#include <set>

#include "nn/layer_norm.h"
#include "nn/load.h"
#include "peft/select.h"
#include "train/feature_cache_step.h"

namespace cambium::systems::meru {
namespace {

// The loss sees all ranks' embeddings through this.
class RankGather : public cambium::meru::Gather {
 public:
  explicit RankGather(const train::Distributed& ranks) : ranks_(ranks) {}
  Result operator()(const at::Tensor& local) override {
    if (ranks_.world() == 1) return {local, 0};
    return {ranks_.all_gather(local), ranks_.rank() * local.size(0)};
  }

 private:
  const train::Distributed& ranks_;
};

}  // namespace

ContrastiveTask::ContrastiveTask(const Recipe& recipe, std::shared_ptr<cambium::clip::CLIP> model,
                                 std::unique_ptr<PairSource> pairs, const train::Distributed& ranks)
    : recipe_(recipe),
      loss_options_(recipe.model.loss_options()),
      model_(std::move(model)),
      pairs_(std::move(pairs)),
      ranks_(ranks) {}

std::vector<train::OptimizerSet> ContrastiveTask::optimizers() {
  const TrainRecipe& r = recipe_.train;
  return {{.groups = parameter_groups(*model_, r.optimizer.weight_decay, r.gain_bias_decay),
           .adamw = r.optimizer.adamw(),
           .schedule = {.decay = train::parse_decay(r.schedule), .warmup = r.warmup},
           .grad_clip = r.optimizer.grad_clip}};
}

void ContrastiveTask::fetch(const train::StepContext& context) {
  micro_batches_ = context.micro_batches;
  pairs_->fetch(micro_batches_);
}

train::Scalars ContrastiveTask::accumulate(const train::StepContext& context, size_t) {
  const cambium::meru::LossScalars scalars = cambium::meru::loss_scalars(*model_);
  cambium::meru::clamp_scalars(scalars, loss_options_);
  at::Generator generator =
      context.generator;  // the towers draw nothing; feature_cache_step replays what would be drawn
  const auto encode = [&](int64_t i, at::Generator&) { return pairs_->features(i); };
  const auto loss = [&](const std::vector<at::Tensor>& features) {
    RankGather gather(ranks_);
    auto out =
        cambium::meru::contrastive_loss({.image = features[0], .text = features[1]}, scalars, loss_options_, gather);
    train::Loss result{.value = out.loss};
    for (const auto& [name, value] : out.logged) result.scalars.set(name, value);
    return result;
  };
  return train::feature_cache_step(micro_batches_, encode, loss, generator);
}

train::NamedTensors ContrastiveTask::checkpoint_tensors() {
  return recipe_.peft.active() ? peft::trained_tensors(*model_) : nn::state_tensors(*model_);
}

std::map<std::string, std::string> ContrastiveTask::checkpoint_metadata() {
  return {{"format", "cambium.model"}, {"system", "meru"}, {"objective", recipe_.model.objective}};
}

int64_t ContrastiveTask::total_parameters() {
  int64_t total = 0;
  for (const auto& parameter : model_->parameters()) total += parameter.numel();
  return total;
}

std::vector<train::ParameterGroup> parameter_groups(const torch::nn::Module& model, double weight_decay,
                                                    double gain_bias_decay) {
  std::set<const void*> gains;
  for (const auto& module : model.modules()) {
    if (!dynamic_cast<const nn::LayerNorm*>(module.get())) continue;
    for (const auto& parameter : module->parameters(/*recurse=*/false)) gains.insert(parameter.unsafeGetTensorImpl());
  }
  train::ParameterGroup regular{.name = "regular", .weight_decay = weight_decay};
  train::ParameterGroup gain_bias{.name = "gain_bias", .weight_decay = gain_bias_decay};
  train::ParameterGroup excluded{.name = "excluded"};
  const std::set<std::string> scalars = {"logit_scale", "curv", "visual_alpha", "textual_alpha"};
  for (const auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const std::string leaf = item.key().substr(item.key().rfind('.') + 1);
    train::ParameterGroup& group =
        scalars.count(leaf)                                                                         ? excluded
        : gains.count(item.value().unsafeGetTensorImpl()) || leaf.find("bias") != std::string::npos ? gain_bias
                                                                                                    : regular;
    group.parameters.emplace_back(item.key(), item.value());
  }
  std::vector<train::ParameterGroup> groups;
  for (auto* group : {&regular, &gain_bias, &excluded}) {
    if (!group->parameters.empty()) groups.push_back(std::move(*group));
  }
  return groups;
}

}  // namespace cambium::systems::meru
