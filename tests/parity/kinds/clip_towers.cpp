// clip_text: a text tower, every hidden state, the outputs that latent diffusion models read, and the norm of every
// parameter's gradient. clip_vision: an image tower with its projection.
#include <ATen/ATen.h>

#include "models/clip/foreign_config.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "parity/fill.h"
#include "parity/kinds/clip_model.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

// Where a row ends. Old configurations name an end that no tokenizer writes, and mean the row's largest id.
at::Tensor end_positions(const at::Tensor& ids, int64_t end) {
  constexpr int64_t kLegacyEnd = 2;
  return end == kLegacyEnd ? ids.argmax(1) : (ids == end).to(at::kInt).argmax(1);
}

}  // namespace

Results check_clip_text(const Golden& golden) {
  const Json& config = golden.config;
  const auto tower = filled_text_tower(config);
  const at::Tensor ids = golden.tensors.at("input_ids");
  const std::vector<at::Tensor> states = tower->hidden_states(ids, at::kFloat);
  const at::Tensor last = tower->final_norm(states.back());  // [B, T, W]

  Results results;
  auto& out = results.tensors;
  for (size_t i = 0; i < states.size(); ++i) out["hidden_states." + std::to_string(i)] = states[i].detach();
  out["last_hidden_state"] = last.detach();
  out["penultimate_ln"] = tower->final_norm(states[states.size() - 2]).detach();
  out["pooler_output"] =
      nn::select_positions(last, end_positions(ids, config.value("eos_token_id", int64_t{49407}))).squeeze(1).detach();

  const at::Tensor loss = last.square().mean();
  loss.backward();
  results.json["loss_value"] = loss.item<double>();
  const io::StateDict gradients = tower_gradients(*tower, "textual.");
  const Json& names = config.at("grad_names");
  at::Tensor norms = at::empty({static_cast<int64_t>(names.size())}, at::kDouble);
  for (size_t i = 0; i < names.size(); ++i)
    norms[static_cast<int64_t>(i)] = gradients.at(names[i].get<std::string>()).to(at::kDouble).norm();
  out["grad_norms"] = norms;
  return results;
}

Results check_clip_vision(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  clip::VisionTransformer tower(
      clip::hugging_face_vision_options(nlohmann::json::parse(config.dump()), golden.path.string()));
  fill_tower(tower, "visual.");
  nn::Linear projection(
      {.in = tower.options().width, .out = config.at("projection_dim").get<int64_t>(), .bias = false});
  projection.weight.copy_(fill("visual_projection.weight", projection.weight.sizes()));

  const at::Tensor pixels = golden.tensors.at("pixel_values");
  Results results;
  results.tensors["last_hidden_state"] = tower.forward_tokens(pixels);
  results.tensors["image_embeds"] = projection.forward(tower.forward(pixels));
  return results;
}

}  // namespace cambium::parity
