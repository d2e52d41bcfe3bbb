#include "models/meru/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "nn/load.h"

namespace cambium::meru {
namespace {

constexpr const char* kRoot = "root";

// How a model that is not a MERU embeds.
LossOptions flat_options(const clip::CLIP& model) {
  return dynamic_cast<const EuCLIP*>(&model) ? LossOptions::euclip() : LossOptions::clip();
}

// Takes the root out of the state dict: beside it in released files, among its tensors in our own.
at::Tensor take_root(io::StateDict& state) {
  for (io::NamedTensors* list : {&state.extras, &state.tensors}) {
    const auto it = std::find_if(list->begin(), list->end(), [](const auto& item) { return item.first == kRoot; });
    if (it == list->end()) continue;
    at::Tensor root = it->second.to(at::kFloat).flatten();
    list->erase(it);
    return root;
  }
  return {};
}

}  // namespace

void MERUOptions::validate() const {
  clip.validate();
  loss.validate();
  if (loss.geometry != Geometry::hyperboloid) {
    throw UsageError({.what = "MERU lives on the hyperboloid", .field = "geometry", .mend = "use a CLIP model"});
  }
}

MERU::MERU(const MERUOptions& options) : clip::CLIP(options.clip), loss_(options.loss) {
  options.validate();
  curv_ = register_parameter("curv", at::empty({}), options.learn_curv);
  visual_alpha_ = register_parameter("visual_alpha", at::empty({}));
  textual_alpha_ = register_parameter("textual_alpha", at::empty({}));
}

at::Tensor MERU::encode_image(const at::Tensor& pixels, bool project) {
  const at::Tensor features = image_features(pixels);
  return project ? embed(features, visual_alpha_, curv_, loss_) : features;
}

at::Tensor MERU::encode_text(const at::Tensor& ids, bool project) {
  const at::Tensor features = text_features(ids);
  return project ? embed(features, textual_alpha_, curv_, loss_) : features;
}

void MERU::initialize(at::Generator& generator) {
  clip::CLIP::initialize(generator);
  initialize_scalars();
}

void MERU::initialize_scalars() {
  const at::NoGradGuard no_grad;
  const double alpha = -0.5 * std::log(static_cast<double>(options().embed_dim));
  logit_scale().fill_(std::log(1 / 0.07));
  curv_.fill_(std::log(loss_.curv_init));
  visual_alpha_.fill_(alpha);
  textual_alpha_.fill_(alpha);
}

at::Tensor EuCLIP::encode_image(const at::Tensor& pixels, bool project) {
  const at::Tensor features = image_features(pixels);
  return project ? embed(features, {}, {}, LossOptions::euclip()) : features;
}

at::Tensor EuCLIP::encode_text(const at::Tensor& ids, bool project) {
  const at::Tensor features = text_features(ids);
  return project ? embed(features, {}, {}, LossOptions::euclip()) : features;
}

void EuCLIP::initialize(at::Generator& generator) {
  clip::CLIP::initialize(generator);
  const at::NoGradGuard no_grad;
  logit_scale().fill_(-1);
}

std::shared_ptr<clip::CLIP> make_model(const clip::CLIPOptions& options, const LossOptions& loss, bool learn_curv) {
  loss.validate();
  switch (loss.geometry) {
    case Geometry::hyperboloid:
      return std::make_shared<MERU>(MERUOptions{.clip = options, .loss = loss, .learn_curv = learn_curv});
    case Geometry::euclidean:
      return std::make_shared<EuCLIP>(options);
    case Geometry::sphere:
      break;
  }
  return std::make_shared<clip::CLIP>(options);
}

LossScalars loss_scalars(clip::CLIP& model) {
  if (auto* meru = dynamic_cast<MERU*>(&model)) return meru->scalars();
  return {.logit_scale = model.logit_scale()};
}

at::Tensor curvature(const clip::CLIP& model) {
  const auto* meru = dynamic_cast<const MERU*>(&model);
  return meru ? meru->curvature() : at::Tensor();
}

LossOptions loss_options(const clip::CLIP& model) {
  const auto* meru = dynamic_cast<const MERU*>(&model);
  return meru ? meru->loss_options() : flat_options(model);
}

at::Tensor ensemble(clip::CLIP& model, const at::Tensor& prompt_features) {
  const LossOptions options = loss_options(model);
  const LossScalars scalars = loss_scalars(model);
  const auto lift = [&](const at::Tensor& x) { return embed(x, scalars.textual_alpha, scalars.curv, options); };
  if (options.geometry == Geometry::sphere) return lift(lift(prompt_features).mean(-2));
  return lift(prompt_features.mean(-2));
}

at::Tensor ensemble_prompts(clip::CLIP& model, std::span<const std::vector<int32_t>> tokens) {
  return ensemble(model, model.encode_text(tokens, /*project=*/false));
}

Checkpoint open_checkpoint(const std::filesystem::path& path, const clip::WeightsOptions& options) {
  return open_checkpoint(clip::read_weights(path, options));
}

Checkpoint open_checkpoint(clip::Weights weights) {
  Checkpoint out;
  out.root = take_root(weights.state);
  const bool hyperbolic = weights.state.contains("curv");
  out.model = make_model(weights.options, hyperbolic ? LossOptions::meru() : LossOptions::clip());
  nn::load_state(*out.model, weights.state);
  return out;
}

std::shared_ptr<MERU> make_hyperbolic(const clip::Weights& weights, const LossOptions& loss, bool learn_curv) {
  auto meru = std::make_shared<MERU>(MERUOptions{.clip = weights.options, .loss = loss, .learn_curv = learn_curv});
  nn::load_state(*meru, weights.state, {.may_miss = {"curv", "visual_alpha", "textual_alpha"}, .may_have = {kRoot}});
  if (!weights.state.contains("curv")) meru->initialize_scalars();
  return meru;
}

}  // namespace cambium::meru
