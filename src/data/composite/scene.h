#pragma once
// Pictures with one to four objects, each with its exact mask: what a promptable model is trained on.
#include <ATen/core/Tensor.h>

#include <span>

#include "core/random.h"
#include "data/composite/pictures.h"

namespace cambium::data::composite {

struct SceneOptions {
  int64_t side = 128;  // pixels
  int64_t max_objects = 4;
  double min_size = 0.15, max_size = 0.8;  // of an object's longer side, as a share of the picture's
  double texture_share = 0.4;              // of the backgrounds that are textures made by rule
  double jitter = 0.25;                    // of all colours
  double harmonise = 0.5;                  // most that an object's colours are moved towards the background's
  double min_area = 0.004;                 // of an object's visible part, as a share of the picture
  double min_visible = 0.35;               // least visible share of an object; what is hidden more is no object

  void validate() const;  // UsageError naming the field
};

struct Scene {
  at::Tensor image;    // u8 [3, S, S]
  at::Tensor objects;  // u8 [S, S]: 0 background, 1 .. count
  int64_t count = 0;   // objects, at least 1
};

// Objects RGBA, backgrounds RGB; later objects lie on earlier ones.
Scene compose_scene(std::span<const StockPicture> objects, std::span<const StockPicture> backgrounds,
                    const SceneOptions& options, Rng& rng);

}  // namespace cambium::data::composite
