#include "systems/sam_adapter/foundation/prompts.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "core/error.h"

namespace cambium::systems::sam_adapter::foundation {
namespace {

// The k-th pixel (row by row) that is `id`, drawn evenly.
std::array<float, 2> draw_pixel(const at::Tensor& ids, uint8_t id, Rng& rng) {
  const auto* values = ids.const_data_ptr<uint8_t>();
  const int64_t width = ids.size(1), pixels = ids.numel();
  int64_t wanted = rng.below(std::max<int64_t>(1, std::count(values, values + pixels, id)));
  for (int64_t i = 0; i < pixels; ++i) {
    if (values[i] == id && wanted-- == 0) return {static_cast<float>(i % width), static_cast<float>(i / width)};
  }
  throw Error({.what = "object " + std::to_string(id) + " has no pixel in its scene"});
}

std::array<float, 4> draw_box(const at::Tensor& ids, uint8_t id, Rng& rng) {
  const auto* values = ids.const_data_ptr<uint8_t>();
  const int64_t height = ids.size(0), width = ids.size(1);
  int64_t left = width, right = 0, top = height, bottom = 0;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      if (values[y * width + x] != id) continue;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = std::max(bottom, y);
    }
  }
  const auto moved = [&](int64_t edge, int64_t length, int64_t limit) {
    const double by = rng.uniform(-0.1, 0.1) * static_cast<double>(length);
    return static_cast<float>(std::clamp(static_cast<double>(edge) + by, 0.0, static_cast<double>(limit)));
  };
  const int64_t w = right - left + 1, h = bottom - top + 1;
  return {moved(left, w, width), moved(top, h, height), moved(right + 1, w, width), moved(bottom + 1, h, height)};
}

}  // namespace

PromptedScene draw_prompts(data::composite::Scene scene, Rng& rng) {
  PromptedScene out;
  const auto draw_object = [&] { return 1 + rng.below(scene.count); };
  out.box_object = draw_object();
  out.boxes[0] = draw_box(scene.objects, static_cast<uint8_t>(out.box_object), rng);
  out.boxes[1] = {0, 0, static_cast<float>(scene.objects.size(1)), static_cast<float>(scene.objects.size(0))};
  for (size_t i = 0; i < out.points.size(); ++i) {
    out.point_objects[i] = draw_object();
    out.points[i] = draw_pixel(scene.objects, static_cast<uint8_t>(out.point_objects[i]), rng);
  }
  out.scene = std::move(scene);
  return out;
}

PromptBatch collate(const std::vector<PromptedScene>& scenes, const c10::Device& device) {
  if (scenes.empty()) throw Error({.what = "a batch needs at least one scene"});
  const auto rows = static_cast<int64_t>(2 * scenes.size());
  std::vector<at::Tensor> images, objects, box_targets, point_targets;
  const at::Tensor all_boxes = at::empty({rows, 4}), all_points = at::empty({rows, 1, 2});
  float* boxes = all_boxes.mutable_data_ptr<float>();
  float* points = all_points.mutable_data_ptr<float>();
  for (const PromptedScene& one : scenes) {
    images.push_back(one.scene.image);
    objects.push_back(one.scene.objects);
    box_targets.push_back(one.scene.objects.eq(one.box_object));
    box_targets.push_back(one.scene.objects.gt(0));
    for (const auto& box : one.boxes) boxes = std::copy(box.begin(), box.end(), boxes);
    for (size_t i = 0; i < one.points.size(); ++i) {
      points = std::copy(one.points[i].begin(), one.points[i].end(), points);
      point_targets.push_back(one.scene.objects.eq(one.point_objects[i]));
    }
  }
  return {.image = at::stack(images).to(device),
          .objects = at::stack(objects).to(device),
          .boxes = all_boxes.to(device),
          .box_targets = at::stack(box_targets).to(device, at::kFloat),
          .points = all_points.to(device),
          .point_targets = at::stack(point_targets).to(device, at::kFloat)};
}

Clicks draw_corrections(const at::Tensor& answer, const at::Tensor& target, Rng& rng) {
  const at::Tensor wrong = answer.ne(target).cpu().contiguous(), truth = target.cpu().contiguous();
  const int64_t rows = wrong.size(0), width = wrong.size(2), pixels = wrong.size(1) * width;
  Clicks clicks{.points = at::empty({rows, 1, 2}), .labels = at::empty({rows, 1})};
  for (int64_t row = 0; row < rows; ++row) {
    const bool* errors = wrong.const_data_ptr<bool>() + row * pixels;
    const int64_t count = std::count(errors, errors + pixels, true);
    int64_t place = rng.below(count > 0 ? count : pixels);
    if (count > 0) {
      int64_t i = 0;
      while (!errors[i] || place-- > 0) ++i;
      place = i;
    }
    clicks.points.mutable_data_ptr<float>()[2 * row] = static_cast<float>(place % width);
    clicks.points.mutable_data_ptr<float>()[2 * row + 1] = static_cast<float>(place / width);
    clicks.labels.mutable_data_ptr<float>()[row] = truth.const_data_ptr<bool>()[row * pixels + place] ? 1.0f : 0.0f;
  }
  return {.points = clicks.points.to(target.device()), .labels = clicks.labels.to(target.device())};
}

}  // namespace cambium::systems::sam_adapter::foundation
