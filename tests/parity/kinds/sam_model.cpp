#include "parity/kinds/sam_model.h"

#include <ATen/ATen.h>

#include "nn/load.h"
#include "parity/fill.h"

namespace cambium::parity {

sam::ImageEncoderOptions sam_encoder_options(const Json& config) {
  return {.image_size = config.at("img"),
          .patch = config.at("patch"),
          .width = config.at("dim"),
          .depth = config.at("depth"),
          .heads = config.at("heads"),
          .window = config.at("window"),
          .global_blocks = config.at("glob").get<std::vector<int64_t>>(),
          .absolute_positions = config.value("use_abs_pos", true)};
}

sam::SamOptions sam_options(const Json& config) {
  sam::SamOptions options{.encoder = sam_encoder_options(config)};
  options.prompt.image_size = options.encoder.image_size;
  options.prompt.patch = options.encoder.patch;
  return options;
}

void fill_sam(torch::nn::Module& module) {
  fill_module(module);
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : nn::state_tensors(module)) {
    if (!name.ends_with("positional_encoding_gaussian_matrix")) continue;
    tensor.copy_(((uniform(name, tensor.numel()) - 0.5f) * 4).view(tensor.sizes()));
  }
}

}  // namespace cambium::parity
