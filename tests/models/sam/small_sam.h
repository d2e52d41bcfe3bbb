#pragma once
// A small SAM with made-up weights, and a plain reference for its encoder's attention.
#include <memory>

#include "core/random.h"
#include "models/sam/sam.h"

namespace cambium::sam {

inline SamOptions small_options() {
  SamOptions o;
  o.encoder = {.image_size = 64,
               .patch = 8,
               .width = 32,
               .depth = 3,
               .heads = 2,
               .window = 3,
               .global_blocks = {1},
               .out_channels = 32};
  o.prompt = {.width = 32, .mask_channels = 16, .image_size = 64, .patch = 8};
  o.decoder = {.width = 32, .heads = 4, .mlp_width = 64, .iou_hidden = 32};
  return o;
}

// Every parameter set, the relative positions too.
inline std::shared_ptr<Sam> small_sam(SamOptions options = small_options(), uint64_t seed = 1) {
  auto model = std::make_shared<Sam>(options);
  at::Generator generator = make_generator(seed);
  model->initialize(generator);
  for (auto& item : model->named_parameters()) {
    if (item.key().find("rel_pos") != std::string::npos) normal_(item.value(), 0, 0.3, generator);
    if (item.key().ends_with("bias")) normal_(item.value(), 0, 0.2, generator);
  }
  return model;
}

}  // namespace cambium::sam
