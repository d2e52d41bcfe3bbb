#include "parity/kinds/clip_model.h"

#include <ATen/ATen.h>

#include "models/clip/foreign_config.h"
#include "models/clip/layouts.h"
#include "models/clip/weights.h"
#include "nn/load.h"
#include "parity/fill.h"

namespace cambium::parity {

void fill_tower(torch::nn::Module& tower, const std::string& part) {
  io::StateDict canonical;
  for (const auto& [name, tensor] : nn::state_tensors(tower)) canonical.tensors.emplace_back(part + name, tensor);
  io::StateDict theirs = clip::from_canonical(canonical, clip::Layout::hugging_face, part);
  for (auto& [name, tensor] : theirs.tensors) tensor = fill(name, tensor.sizes());
  nn::load_state(tower, clip::tower_state(clip::to_canonical(theirs, clip::Layout::hugging_face), part),
                 {.may_miss = {"attn_mask"}});
}

io::StateDict tower_gradients(const torch::nn::Module& tower, const std::string& part) {
  io::StateDict gradients;
  for (const auto& parameter : tower.named_parameters()) {
    const at::Tensor& gradient = parameter.value().grad();
    gradients.tensors.emplace_back(part + parameter.key(),
                                   gradient.defined() ? gradient : at::zeros_like(parameter.value()));
  }
  return clip::from_canonical(gradients, clip::Layout::hugging_face, part);
}

std::shared_ptr<clip::TextTransformer> filled_text_tower(const Json& config) {
  auto tower = std::make_shared<clip::TextTransformer>(
      clip::hugging_face_text_options(nlohmann::json::parse(config.dump()), "the golden file"));
  fill_tower(*tower, "textual.");
  return tower;
}

}  // namespace cambium::parity
