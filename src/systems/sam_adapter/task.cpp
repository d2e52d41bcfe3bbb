#include "systems/sam_adapter/task.h"

#include <ATen/ops/tensor.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/masks/transform.h"
#include "models/sam_adapter/loss.h"

namespace cambium::systems::sam_adapter {

namespace {

using cambium::sam_adapter::MaskLoss;

cambium::data::MaskKind kind_of(const Recipe& recipe) { return recipe.training_set().mask.kind; }

}  // namespace

Course Course::of(const TrainRecipe& recipe, int64_t pictures, int64_t world) {
  if (recipe.batch % world != 0) {
    throw UsageError(
        {.what = std::to_string(recipe.batch) + " pictures do not divide among " + std::to_string(world) + " ranks",
         .field = "train.batch",
         .mend = "use a multiple of the number of ranks"});
  }
  Course course;
  const int64_t own = recipe.batch / world;
  course.micro_batch = recipe.micro_batch == 0 ? own : std::min(recipe.micro_batch, own);
  if (own % course.micro_batch != 0) {
    throw UsageError(
        {.what = std::to_string(own) + " pictures a rank are not a multiple of " + std::to_string(course.micro_batch),
         .field = "train.micro_batch",
         .mend = "choose a divisor"});
  }
  course.micro_batches = own / course.micro_batch;
  course.steps_per_epoch = std::max<int64_t>(1, (pictures + recipe.batch - 1) / recipe.batch);
  course.steps = recipe.steps > 0 ? recipe.steps : recipe.epochs * course.steps_per_epoch;
  return course;
}

MaskTask::MaskTask(LoadedRecipe recipe, AdaptedModel adapted, std::unique_ptr<MaskSource> source, const Course& course,
                   const train::Distributed& ranks)
    : recipe_(std::move(recipe)),
      adapted_(std::move(adapted)),
      source_(std::move(source)),
      course_(course),
      ranks_(ranks) {}

void MaskTask::set_validation(std::unique_ptr<Validation> validation, const std::filesystem::path& run) {
  validation_ = std::move(validation);
  run_ = run;
  std::error_code code;
  if (run.empty() || !std::filesystem::exists(run / "best.json", code)) return;
  const auto saved = nlohmann::json::parse(read_file(run / "best.json"), nullptr, /*allow_exceptions=*/false);
  if (saved.is_object() && saved.contains("goodness") && saved["goodness"].is_number())
    best_ = saved["goodness"].get<double>();
}

std::vector<train::OptimizerSet> MaskTask::optimizers() {
  const TrainRecipe& r = recipe_.recipe.train;
  train::ParameterGroup group{
      .name = "all", .weight_decay = r.optimizer.weight_decay};  // norms and biases decay too, as the original's
  for (const auto& item : adapted_.model->named_parameters()) {
    if (item.value().requires_grad()) group.parameters.emplace_back(item.key(), item.value());
  }
  train::ScheduleOptions schedule{.decay = train::parse_decay(r.schedule),
                                  .warmup = r.warmup,
                                  .total = course_.steps,
                                  .final = r.lr_min / r.optimizer.lr};
  // The original's scheduler steps once an epoch.
  if (schedule.decay == train::Decay::cosine && course_.steps > course_.steps_per_epoch)
    schedule.period = course_.steps_per_epoch;
  return {{.groups = {std::move(group)},
           .adamw = r.optimizer.adamw(),
           .schedule = schedule,
           .grad_clip = r.optimizer.grad_clip}};
}

void MaskTask::fetch(const train::StepContext& context) { source_->fetch(context.micro_batches); }

// bbce weighs by the share of the foreground in the whole batch, over micro-batches and ranks; the original by its
// rank's own.
double MaskTask::positive_share(int64_t micro_batches) const {
  const Recipe& recipe = recipe_.recipe;
  if (recipe.loss() != MaskLoss::bbce) return 0.5;
  cambium::sam_adapter::Balance balance;
  for (int64_t i = 0; i < micro_batches; ++i) {
    const auto part = cambium::sam_adapter::Balance::of(cambium::data::mask_target(source_->masks(i), kind_of(recipe)));
    balance.positives += part.positives;
    balance.negatives += part.negatives;
  }
  if (!recipe.official() && ranks_.world() > 1) {
    const at::Tensor counts = at::tensor({balance.positives, balance.negatives}, at::kDouble);
    ranks_.all_reduce_sum({counts});
    balance = {.positives = counts[0].item<double>(), .negatives = counts[1].item<double>()};
  }
  return balance.positive_share(recipe.model.balance_floor);
}

train::Scalars MaskTask::accumulate(const train::StepContext& context, size_t) {
  const Recipe& recipe = recipe_.recipe;
  const double share = positive_share(context.micro_batches), weight = 1.0 / static_cast<double>(context.micro_batches);
  train::Scalars mean;
  for (int64_t i = 0; i < context.micro_batches; ++i) {
    const at::Tensor low = source_->logits(i);
    const at::Tensor masks = source_->masks(i).to(low.device());
    const at::Tensor logits = cambium::sam_adapter::upscale(low, masks.size(2), masks.size(3));
    const at::Tensor loss = cambium::sam_adapter::mask_loss(recipe.loss(), logits,
                                                            cambium::data::mask_target(masks, kind_of(recipe)), share);
    train::backward(loss.mul(weight));
    train::Scalars scalars;
    scalars.set("loss", loss);
    mean.add(scalars, weight);
  }
  return mean;
}

train::Scalars MaskTask::evaluate(const train::StepContext& context) {
  if (!validation_) return {};
  train::Scalars scalars = validation_->run(*adapted_.model, ranks_);
  const double goodness = validation_->goodness(scalars);
  if (best_ && goodness <= *best_) return scalars;
  best_ = goodness;
  if (run_.empty() || !ranks_.main()) return scalars;
  save_delta(run_ / "best.safetensors", adapted_, recipe_);
  nlohmann::json json = {{"step", context.step}, {"metric", recipe_.recipe.validation.metric}, {"goodness", goodness}};
  for (const auto& [name, value] : scalars.items()) json["scores"][name] = value;
  write_file(run_ / "best.json", json.dump(2) + "\n");
  return scalars;
}

std::map<std::string, std::string> MaskTask::checkpoint_metadata() {
  return {{"format", "cambium.model"},
          {"system", "sam_adapter"},
          {"method", recipe_.recipe.peft.method},
          {"foundation.fingerprint", adapted_.foundation.fingerprint}};
}

int64_t MaskTask::total_parameters() {
  int64_t total = 0;
  for (const auto& parameter : adapted_.model->parameters()) total += parameter.numel();
  return total;
}

}  // namespace cambium::systems::sam_adapter
