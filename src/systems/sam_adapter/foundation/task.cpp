#include "systems/sam_adapter/foundation/task.h"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include "core/error.h"
#include "nn/load.h"

namespace cambium::systems::sam_adapter::foundation {
namespace {

using cambium::sam::ImageFeatures;
using cambium::sam::MaskOutput;
using cambium::sam::Prompts;
using cambium::sam::Sam;

constexpr int64_t kMaskScale = 4;  // the low-resolution masks' side over the grid's

bool draw(double share, const at::Generator& generator) { return at::rand({1}, generator).item<double>() < share; }

// Mean over the pixels of each map. [..., H, W] -> [...]
at::Tensor bce(const at::Tensor& logits, const at::Tensor& target) {
  return at::binary_cross_entropy_with_logits(logits, target.expand_as(logits), {}, {}, at::Reduction::None)
      .mean({-2, -1});
}

// 1 - (2 sum(p t) + 1) / (sum p + sum t + 1)
at::Tensor dice(const at::Tensor& logits, const at::Tensor& target) {
  const at::Tensor p = logits.sigmoid();
  return 1 - (2 * (p * target).sum({-2, -1}) + 1) / (p.sum({-2, -1}) + target.sum({-2, -1}) + 1);
}

// Of bool masks. [..., H, W] -> [...]; two empty ones agree.
at::Tensor intersection_over_union(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor both = a.logical_and(b).sum({-2, -1}).to(at::kFloat),
                   either = a.logical_or(b).sum({-2, -1}).to(at::kFloat);
  return both.div(either.clamp_min(1)).masked_fill(either.eq(0), 1);
}

// The encoder may compute in bfloat16; the decoder, small as it is, does not gain by it and is less exact.
ImageFeatures encode(Sam& model, const at::Tensor& bytes) {
  ImageFeatures features = model.encode(cambium::sam::normalize(bytes));
  features.embedding = features.embedding.to(at::kFloat);
  return features;
}

// Pixels whose right or lower neighbour belongs to another object, widened by one. u8 [B, S, S] -> f32 [B, S, S]
at::Tensor edges(const at::Tensor& objects) {
  at::Tensor edge = at::zeros_like(objects, objects.options().dtype(at::kFloat));
  const int64_t last = objects.size(1) - 1;
  edge.slice(1, 0, last).logical_or_(objects.slice(1, 0, last).ne(objects.slice(1, 1)));
  edge.slice(2, 0, last).logical_or_(objects.slice(2, 0, last).ne(objects.slice(2, 1)));
  return at::max_pool2d(edge.unsqueeze(1), {3, 3}, {1, 1}, {1, 1}).squeeze(1);
}

}  // namespace

AuxiliaryHead::AuxiliaryHead(int64_t channels) {
  proj_ = register_module("proj", std::make_shared<cambium::sam::Conv2d>(
                                      cambium::sam::Conv2dOptions{.in = channels, .out = 2 * kMaskScale * kMaskScale}));
}

at::Tensor AuxiliaryHead::forward(const at::Tensor& embedding) const {
  return at::pixel_shuffle(proj_->forward(embedding), kMaskScale);
}

FoundationScores score(const Sam& model_in, const std::vector<PromptBatch>& batches) {
  const at::NoGradGuard guard;
  Sam& model = const_cast<Sam&>(model_in);
  std::vector<at::Tensor> box, point, best;
  for (const PromptBatch& batch : batches) {
    const int64_t side = batch.image.size(-1);
    const ImageFeatures features = encode(model, batch.image);
    const auto answers = [&](const Prompts& prompts, bool multimask) {
      MaskOutput output = model.decode(features, prompts, {.multimask = multimask});
      output.low_res = at::upsample_bilinear2d(output.low_res, {side, side}, false);
      return output;
    };
    const auto iou = [&](const at::Tensor& logits, const at::Tensor& target) {
      return intersection_over_union(logits.gt(0), target.gt(0.5));
    };
    box.push_back(iou(answers({.boxes = batch.boxes}, false).low_res.squeeze(1), batch.box_targets));
    const Prompts points{.points = batch.points, .labels = batch.points.new_ones({batch.points.size(0), 1})};
    point.push_back(iou(answers(points, false).low_res.squeeze(1), batch.point_targets));
    const MaskOutput several = answers(points, true);
    const at::Tensor all = iou(several.low_res, batch.point_targets.unsqueeze(1));  // [2B, 3]
    best.push_back(all.gather(1, several.iou.argmax(1, true)).squeeze(1));
  }
  const at::Tensor boxes = at::cat(box).view({-1, 2}).mean(0);  // the jittered box, the whole picture
  return {.box = boxes[0].item<double>(),
          .point = at::cat(point).mean().item<double>(),
          .point_best = at::cat(best).mean().item<double>(),
          .whole = boxes[1].item<double>()};
}

FoundationTask::FoundationTask(const Recipe& recipe, std::shared_ptr<Sam> model, std::unique_ptr<Loader> scenes,
                               std::vector<PromptBatch> validation)
    : recipe_(recipe),
      model_(std::move(model)),
      auxiliary_(std::make_shared<AuxiliaryHead>(recipe.model.neck)),
      scenes_(std::move(scenes)),
      validation_(std::move(validation)),
      device_(model_->parameters().front().device()) {
  at::Generator generator = make_generator(mix_seed(recipe.train.run.seed, "auxiliary"));
  auxiliary_->initialize(generator);
  auxiliary_->to(device_);
}

std::vector<train::OptimizerSet> FoundationTask::optimizers() {
  const TrainRecipe& r = recipe_.train;
  train::ParameterGroup matrices{.name = "matrices", .weight_decay = r.optimizer.weight_decay},
      vectors{.name = "vectors"};
  for (const auto& [name, parameter] : checkpoint_tensors()) {
    if (parameter.requires_grad()) (parameter.dim() > 1 ? matrices : vectors).parameters.emplace_back(name, parameter);
  }
  return {{.groups = {std::move(matrices), std::move(vectors)},
           .adamw = r.optimizer.adamw(),
           .schedule = {.decay = train::Decay::cosine, .warmup = r.warmup},
           .grad_clip = r.optimizer.grad_clip}};
}

PromptBatch FoundationTask::next_batch(const train::StepContext&) {
  auto scenes = scenes_->next();
  if (!scenes) throw Error({.what = "the stream of scenes ended"});
  return collate(*scenes, device_);
}

train::Loss FoundationTask::loss(const PromptBatch& batch, const train::StepContext& context, size_t) {
  const TrainRecipe& r = recipe_.train;
  const ImageFeatures features = encode(*model_, batch.image);  // [B, C, h, w]
  const int64_t low = kMaskScale * features.embedding.size(-1);
  const bool multimask = draw(r.multimask, context.generator), refine = draw(r.refine, context.generator);

  train::Scalars scalars;
  at::Tensor total;
  // One round of answers to prompts, 2 a scene. Of several masks the best one learns, as in the paper.
  const auto round = [&](const char* name, const Prompts& prompts, const at::Tensor& targets) {
    const MaskOutput output = model_->decode(features, prompts, {.multimask = multimask});
    const at::Tensor small = at::adaptive_avg_pool2d(targets, {low, low}).unsqueeze(1);  // [2B, 1, 4h, 4w]
    const at::Tensor each =
        bce(output.low_res, small) * r.bce_weight + dice(output.low_res, small) * r.dice_weight;  // [2B, n]
    const at::Tensor truth = intersection_over_union(output.low_res.detach().gt(0), small.gt(0.5));
    const at::Tensor masks = std::get<0>(each.min(1)).mean();
    const at::Tensor part = masks + (output.iou - truth).square().mean() * r.iou_weight;
    total = total.defined() ? total + part : part;
    scalars.set(std::string(name) + "_loss", masks);
    scalars.set(std::string(name) + "_iou", std::get<0>(truth.max(1)).mean());
    return output;
  };
  round("box", {.boxes = batch.boxes}, batch.box_targets);
  const Prompts points{.points = batch.points, .labels = batch.points.new_ones({batch.points.size(0), 1})};
  const MaskOutput first = round("point", points, batch.point_targets);
  if (refine) {
    const at::Tensor chosen = first.iou.argmax(1).view({-1, 1, 1, 1}).expand({-1, 1, low, low});
    const at::Tensor answer = first.low_res.detach().gather(1, chosen);  // [2B, 1, 4h, 4w]
    const int64_t side = batch.image.size(-1);
    Rng rng(static_cast<uint64_t>(at::randint(1L << 62, {1}, context.generator, at::kLong).item<int64_t>()));
    const Clicks clicks = draw_corrections(at::upsample_bilinear2d(answer, {side, side}, false).squeeze(1).gt(0),
                                           batch.point_targets.gt(0.5), rng);
    round("refined",
          {.points = at::cat({points.points, clicks.points}, 1),
           .labels = at::cat({points.labels, clicks.labels}, 1),
           .masks = answer},
          batch.point_targets);
  }
  if (r.auxiliary_weight > 0) {
    const at::Tensor maps = at::stack({batch.objects.gt(0).to(at::kFloat), edges(batch.objects)}, 1);  // [B, 2, S, S]
    const at::Tensor auxiliary =
        bce(auxiliary_->forward(features.embedding), at::adaptive_avg_pool2d(maps, {low, low})).mean();
    scalars.set("auxiliary_loss", auxiliary);
    total = total + auxiliary * r.auxiliary_weight;
  }
  return {.value = total, .scalars = std::move(scalars)};
}

train::Scalars FoundationTask::evaluate(const train::StepContext&) {
  const FoundationScores seen = score(*model_, validation_);
  train::Scalars scalars;
  scalars.set("box_iou", seen.box);
  scalars.set("point_iou", seen.point);
  scalars.set("point_best_iou", seen.point_best);
  scalars.set("whole_iou", seen.whole);
  return scalars;
}

train::NamedTensors FoundationTask::checkpoint_tensors() {
  train::NamedTensors tensors = nn::state_tensors(*model_);
  for (auto& [name, tensor] : nn::state_tensors(*auxiliary_)) tensors.emplace_back("auxiliary." + name, tensor);
  return tensors;
}

int64_t FoundationTask::total_parameters() {
  int64_t total = 0;
  for (const auto& [name, tensor] : checkpoint_tensors()) total += tensor.requires_grad() ? tensor.numel() : 0;
  return total;
}

int64_t FoundationTask::micro_batch_bytes() const {
  const int64_t pixels = recipe_.model.image_size * recipe_.model.image_size;
  return recipe_.train.batch * pixels * (3 + 1 + 4 * static_cast<int64_t>(sizeof(float)));
}

}  // namespace cambium::systems::sam_adapter::foundation
