#pragma once
// Prompts with known answers, drawn on composed scenes.
#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "core/random.h"
#include "data/composite/scene.h"

namespace cambium::systems::sam_adapter::foundation {

// A scene and its four prompts.
struct PromptedScene {
  data::composite::Scene scene = {};
  // x0, y0, x1, y1 in pixels: an object's box with every edge moved by up to a tenth of its side, and the whole
  // picture.
  std::array<std::array<float, 4>, 2> boxes = {};
  std::array<std::array<float, 2>, 2> points = {};  // x, y in pixels, each on an object
  int64_t box_object = 0;                           // the first box's; the second stands for all objects together
  std::array<int64_t, 2> point_objects = {};
};

PromptedScene draw_prompts(data::composite::Scene scene, Rng& rng);

// Many scenes as tensors, all on one device.
struct PromptBatch {
  at::Tensor image;          // u8 [B, 3, S, S]
  at::Tensor objects;        // u8 [B, S, S]
  at::Tensor boxes;          // [2B, 4], a scene's together
  at::Tensor box_targets;    // [2B, S, S], 0 or 1
  at::Tensor points;         // [2B, 1, 2]
  at::Tensor point_targets;  // [2B, S, S]
};
PromptBatch collate(const std::vector<PromptedScene>& scenes, const c10::Device& device = c10::Device(c10::kCPU));

// For each row a pixel drawn where `answer` and `target` (bool [N, S, S]) differ, or anywhere if they do not: points
// [N, 1, 2] and labels [N, 1], 1 where the target is true.
struct Clicks {
  at::Tensor points, labels;
};
Clicks draw_corrections(const at::Tensor& answer, const at::Tensor& target, Rng& rng);

}  // namespace cambium::systems::sam_adapter::foundation
