#pragma once
// A SAM of a few thousand weights, drawn at random: two blocks over 8 x 8 patches, one of them in windows.
#include <filesystem>
#include <memory>

#include "core/random.h"
#include "io/safetensors.h"
#include "models/sam/sam.h"
#include "models/sam/weights.h"
#include "nn/load.h"
#include "support/gaussian.h"

namespace cambium::sam_adapter {

inline sam::SamOptions tiny_sam_options() {
  sam::SamOptions options;
  options.encoder = {.image_size = 64,
                     .patch = 8,
                     .width = 32,
                     .depth = 3,
                     .heads = 2,
                     .window = 4,
                     .global_blocks = {2},
                     .out_channels = 32};
  options.prompt = {.width = 32, .mask_channels = 8, .image_size = 64, .patch = 8};
  options.decoder = {.width = 32, .heads = 8, .mlp_width = 64, .iou_hidden = 32};
  return options;
}

inline std::shared_ptr<sam::Sam> tiny_sam(uint64_t seed = 1) {
  auto model = std::make_shared<sam::Sam>(tiny_sam_options());
  at::Generator generator = make_generator(seed);
  model->initialize(generator);
  return model;
}

inline sam::Weights tiny_weights(uint64_t seed = 1) {
  sam::Weights weights{.options = tiny_sam_options()};
  weights.state.source = "tiny SAM";
  for (const auto& [name, tensor] : nn::state_tensors(*tiny_sam(seed)))
    weights.state.tensors.emplace_back(name, tensor.detach().clone());
  return weights;
}

inline void write_tiny_sam(const std::filesystem::path& file, uint64_t seed = 1) {
  io::write_safetensors(file, tiny_weights(seed).state.tensors);
}

using test::gaussian;

}  // namespace cambium::sam_adapter
