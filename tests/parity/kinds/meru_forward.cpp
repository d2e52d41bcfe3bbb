// meru_forward: MERU and its CLIP baseline as whole models on a batch of pairs: features, embeddings, geometry, the
// loss, and the norm of every parameter's gradient. Features and embeddings come from a pass without gradients, as at
// inference; the losses and gradients from a training pass.
#include <ATen/ATen.h>

#include "models/clip/text_transformer.h"
#include "nn/load.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/meru_model.h"

namespace cambium::parity {
namespace {

struct Batch {
  at::Tensor pixels;                         // float32 [B, 3, S, S] in [0, 1]
  std::vector<std::vector<int32_t>> tokens;  // as the tokenizer gives them, not cut
};

Batch read_batch(const Golden& golden) {
  Batch batch;
  batch.pixels = golden.tensors.at("images_u8").to(at::kFloat) / 255;
  for (int64_t i = 0; i < batch.pixels.size(0); ++i) {
    const at::Tensor ids = golden.tensors.at("tokens." + std::to_string(i)).to(at::kInt).contiguous();
    batch.tokens.emplace_back(ids.data_ptr<int32_t>(), ids.data_ptr<int32_t>() + ids.numel());
  }
  return batch;
}

struct Pass {
  Json loss, gradient_norms;
};

// Loss and logged numbers, and the gradient norms, of one training pass.
Pass train_once(clip::CLIP& model, const meru::LossOptions& options, const Batch& batch) {
  const at::Tensor ids = clip::pad_tokens(batch.tokens, model.options().textual.context);
  const meru::LossScalars scalars = meru::loss_scalars(model);
  meru::clamp_scalars(scalars, options);
  const meru::LossOutput out = meru::contrastive_loss(
      {.image = model.image_features(batch.pixels), .text = model.text_features(ids)}, scalars, options);
  out.loss.backward();
  Pass pass;
  pass.loss["loss"] = out.loss.item<double>();
  for (const auto& [name, value] : out.logged) pass.loss[name] = value.item<double>();
  for (const auto& parameter : model.named_parameters()) {
    const at::Tensor& gradient = parameter.value().grad();
    if (gradient.defined()) pass.gradient_norms[parameter.key()] = gradient.to(at::kDouble).norm().item<double>();
  }
  return pass;
}

}  // namespace

Results check_meru_forward(const Golden& golden) {
  const Batch batch = read_batch(golden);
  const Json& config = golden.config;
  const Json& scalars = config.at("scalars");
  Results results;

  auto model = build_model(config, scalars, /*hyperbolic=*/true);
  auto& meru = dynamic_cast<meru::MERU&>(*model);
  {
    const at::NoGradGuard no_grad;
    const auto put = [&](const char* name, const at::Tensor& value) { results.tensors[name] = value; };
    const auto state = nn::state_tensors(*model);
    const auto tensor = [&](const std::string& name) {
      return std::find_if(state.begin(), state.end(), [&](const auto& item) { return item.first == name; })->second;
    };
    put("visual.pos_embed", tensor("visual.pos_embed"));
    const at::Tensor normalised = (batch.pixels.slice(0, 0, 1) - tensor("pixel_mean")) / tensor("pixel_std");
    put("tokens_after_patch_embed_0_4", model->visual()->patch_embed()->forward(normalised)[0].slice(0, 0, 4));

    const at::Tensor visual = model->visual_features(batch.pixels);
    const at::Tensor image_proj = model->encode_image(batch.pixels, /*project=*/false);
    const at::Tensor text_proj = model->encode_text(batch.tokens, /*project=*/false);
    put("visual_features", visual);
    put("image_proj", image_proj);
    put("text_proj", text_proj);
    const meru::LorentzOptions lorentz = meru.loss_options().lorentz;
    const at::Tensor image = model->encode_image(batch.pixels), text = model->encode_text(batch.tokens);
    const at::Tensor c = meru.curvature();
    put("image_embeds", image);
    put("text_embeds", text);
    put("logits_inner", meru::pairwise_inner(image, text, c, lorentz));
    put("logits_neg_dist", -meru::pairwise_dist(image, text, c, lorentz));
    put("oxy_angle", meru::oxy_angle(text, image, c, lorentz));
    put("half_aperture", meru::half_aperture(text, c, meru.loss_options().min_radius, lorentz));

    int64_t count = 0;
    for (const auto& parameter : model->named_parameters()) {
      count += parameter.value().numel();
      if (!parameter.value().requires_grad()) results.json["no_grad"].push_back(parameter.key());
    }
    results.json["param_count"] = count;
    for (const auto& [name, value] : state) results.json["param_shapes"][name] = value.sizes().vec();
  }
  const Pass hyperbolic = train_once(*model, loss_of(config, true), batch);
  results.json["loss"] = hyperbolic.loss;
  results.json["grad_norms"] = hyperbolic.gradient_norms;
  model.reset();

  auto baseline = build_model(config, scalars, /*hyperbolic=*/false);
  {
    const at::NoGradGuard no_grad;
    results.tensors["clip_image_embeds"] = baseline->encode_image(batch.pixels);
    results.tensors["clip_text_embeds"] = baseline->encode_text(batch.tokens);
  }
  const Pass spherical = train_once(*baseline, loss_of(config, false), batch);
  results.json["clip_loss"] = spherical.loss;
  results.json["clip_grad_norms"] = spherical.gradient_norms;
  return results;
}

}  // namespace cambium::parity
