#include "systems/sam_adapter/demo/baselines.h"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include "core/progress.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

using cambium::sam::ImageFeatures;
using cambium::sam::MaskOutput;

constexpr int64_t kBatch = 16;

at::Tensor enlarge(const at::Tensor& x, int64_t side) { return at::upsample_bilinear2d(x, {side, side}, false); }

// Pixels a side of what the model sees; prompts are in these.
int64_t frame(const cambium::sam::Sam& model) { return model.options().encoder.image_size; }

ImageFeatures encode(cambium::sam::Sam& model, const at::Tensor& images) {
  const c10::Device device = model.parameters().front().device();
  at::Tensor pixels = cambium::sam::normalize(images.to(device));
  if (pixels.size(-1) != frame(model)) pixels = enlarge(pixels, frame(model));
  ImageFeatures features = model.encode(pixels);
  features.embedding = features.embedding.to(at::kFloat);
  return features;
}

}  // namespace

at::Tensor prompt_whole_box(cambium::sam::Sam& model, const at::Tensor& images) {
  const at::NoGradGuard guard;
  const int64_t side = images.size(-1);
  std::vector<at::Tensor> out;
  for (int64_t begin = 0; begin < images.size(0); begin += kBatch) {
    const ImageFeatures features = encode(model, images.slice(0, begin, begin + kBatch));
    const auto edge = static_cast<float>(frame(model));
    const at::Tensor box = at::tensor({0.0f, 0.0f, edge, edge}).to(features.embedding.device());
    const at::Tensor boxes = box.expand({features.embedding.size(0), 4});
    out.push_back(enlarge(model.decode(features, {.boxes = boxes}).low_res, side).squeeze(1).sigmoid().cpu());
  }
  return at::cat(out);
}

GridAnswers prompt_point_grid(cambium::sam::Sam& model, const at::Tensor& images, const at::Tensor& masks,
                              int64_t points) {
  const at::NoGradGuard guard;
  const int64_t side = images.size(-1);
  std::vector<float> grid;
  for (int64_t y = 0; y < points; ++y) {
    for (int64_t x = 0; x < points; ++x) {
      for (const int64_t place : {x, y}) {
        grid.push_back((static_cast<float>(place) + 0.5f) * static_cast<float>(frame(model)) /
                       static_cast<float>(points));
      }
    }
  }
  const at::Tensor coordinates = at::tensor(grid).view({-1, 1, 2});  // [P, 1, 2]
  std::vector<at::Tensor> chosen, oracle;
  Progress progress("point grid", images.size(0), "pictures");
  for (int64_t i = 0; i < images.size(0); ++i) {
    const ImageFeatures features = encode(model, images.slice(0, i, i + 1));
    const at::Tensor place = coordinates.to(features.embedding.device());
    const MaskOutput answer =
        model.decode(features, {.points = place, .labels = place.new_ones({place.size(0), 1})}, {.multimask = true});
    // The best by the truth is found at the masks' own resolution; only the two that are kept are enlarged.
    const at::Tensor logits = answer.low_res.flatten(0, 1);  // [3P, 4h, 4w]
    const at::Tensor truth = at::adaptive_avg_pool2d(masks.slice(0, i, i + 1).to(logits.device(), at::kFloat),
                                                     {logits.size(1), logits.size(2)})
                                 .gt(0.5);
    const at::Tensor answered = logits.gt(0);
    const at::Tensor both = answered.logical_and(truth).sum({1, 2}), either = answered.logical_or(truth).sum({1, 2});
    const at::Tensor best = both.to(at::kFloat).div(either.clamp_min(1)).argmax();
    const auto keep = [&](const at::Tensor& place) {
      return enlarge(logits.select(0, place.item<int64_t>()).unsqueeze(0).unsqueeze(0), side).squeeze().sigmoid().cpu();
    };
    chosen.push_back(keep(answer.iou.flatten().argmax()));
    oracle.push_back(keep(best));
    progress.update(i + 1);
  }
  progress.finish();
  return {.chosen = at::stack(chosen), .oracle = at::stack(oracle)};
}

}  // namespace cambium::systems::sam_adapter::demo
