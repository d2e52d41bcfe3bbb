// meru_loss: the MERU or CLIP loss on given features in one process, in float32 and float64, with all gradients.
// meru_ddp_loss: the same on several ranks. Here one process embeds every rank's features, hands each rank the
// concatenation, and sums the ranks' losses: what a differentiable all-gather amounts to.
#include <ATen/ATen.h>

#include <algorithm>

#include "models/meru/loss.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

constexpr meru::LorentzOptions kParity{.numerics = meru::Numerics::parity};

double number(const Json& object, const char* key, double otherwise) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? otherwise : it->get<double>();
}

meru::LossOptions options_of(bool hyperbolic, const Json& config) {
  meru::LossOptions options = hyperbolic ? meru::LossOptions::meru() : meru::LossOptions::clip();
  options.lorentz = kParity;
  if (hyperbolic) {
    options.entail_weight = number(config, "entail_weight", options.entail_weight);
    options.curv_init = number(config, "curv_init", options.curv_init);
  }
  return options;
}

at::Tensor leaf(const at::Tensor& value, at::ScalarType type, bool learn = true) {
  return value.to(type).clone().requires_grad_(learn);
}

at::Tensor gradient_or_zero(const at::Tensor& parameter) {
  return parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter);
}

// The 0-D parameters by name, in the order of the state dict.
std::vector<std::pair<std::string, at::Tensor>> named(const meru::LossScalars& scalars) {
  std::vector<std::pair<std::string, at::Tensor>> out = {{"logit_scale", scalars.logit_scale}};
  if (scalars.curv.defined()) {
    out.insert(
        out.end(),
        {{"curv", scalars.curv}, {"visual_alpha", scalars.visual_alpha}, {"textual_alpha", scalars.textual_alpha}});
  }
  return out;
}

void add_case(const Golden& golden, const std::string& name, const Json& config, at::ScalarType type,
              Results& results) {
  const bool f64 = type == at::kDouble;
  const std::string dtype = f64 ? "f64" : "f32";
  const auto& tensors = golden.tensors;
  const bool hyperbolic = tensors.contains(name + ".curv");
  const meru::LossOptions options = options_of(hyperbolic, config);
  const bool learn_curv = config.value("learn_curv", true);

  // float64 runs start from unrounded scalars, which the file holds only as they are after the clamps.
  const auto scalar = [&](const std::string& scalar_name, bool learn = true) {
    const at::Tensor* exact = f64 ? tensors.find(name + "." + scalar_name + ".after.f64") : nullptr;
    return leaf(exact ? *exact : tensors.at(name + "." + scalar_name), type, learn);
  };
  meru::LossScalars scalars{.logit_scale = scalar("logit_scale")};
  if (hyperbolic) {
    scalars.curv = scalar("curv", learn_curv);
    scalars.visual_alpha = scalar("visual_alpha");
    scalars.textual_alpha = scalar("textual_alpha");
  }
  const auto input = [&](const char* part) { return leaf(tensors.at(name + "." + part), type); };
  const at::Tensor image = input("image_features"), text = input("text_features");
  const at::Tensor visual = input("visual_proj.weight"), textual = input("textual_proj.weight");

  meru::clamp_scalars(scalars, options);
  const meru::PairFeatures features{.image = at::linear(image, visual), .text = at::linear(text, textual)};
  const meru::LossOutput out = meru::contrastive_loss(features, scalars, options);
  out.loss.backward();

  const auto put = [&](const std::string& part, const at::Tensor& value) {
    results.tensors[name + "." + part] = value.detach();
  };
  put("loss." + dtype, out.loss);
  for (const auto& [logged, value] : out.logged) put(logged + "." + dtype + ".value", value);
  for (const auto& [parameter, value] : named(scalars)) {
    put(parameter + ".after." + dtype, value);
    put("grad_" + parameter + "." + dtype, gradient_or_zero(value));
  }
  put("grad_image_features." + dtype, image.grad());
  put("grad_text_features." + dtype, text.grad());
  put("grad_visual_proj.weight." + dtype, visual.grad());
  put("grad_textual_proj.weight." + dtype, textual.grad());

  const at::NoGradGuard no_grad;
  const at::Tensor image_embeds = meru::embed(features.image, scalars.visual_alpha, scalars.curv, options);
  const at::Tensor text_embeds = meru::embed(features.text, scalars.textual_alpha, scalars.curv, options);
  put("image_embeds." + dtype, image_embeds);
  put("text_embeds." + dtype, text_embeds);
  put("image_logits." + dtype, meru::similarity(image_embeds, text_embeds, scalars.curv, options));
  if (hyperbolic) {
    const at::Tensor c = scalars.curv.exp();
    put("oxy_angle." + dtype, meru::oxy_angle(text_embeds, image_embeds, c, kParity));
    put("half_aperture." + dtype, meru::half_aperture(text_embeds, c, options.min_radius, kParity));
  }
}

// Rank `rank` of a world whose embeddings all exist in this process.
class OneProcessWorld : public meru::Gather {
 public:
  // All ranks' embeddings of each modality, in the order that contrastive_loss asks for them.
  OneProcessWorld(std::vector<at::Tensor> all, int64_t rank, int64_t batch)
      : all_(std::move(all)), offset_(rank * batch) {}
  Result operator()(const at::Tensor&) override { return {all_.at(next_++), offset_}; }

 private:
  std::vector<at::Tensor> all_;
  int64_t offset_;
  size_t next_ = 0;
};

void add_world(const Golden& golden, const std::string& model, Results& results) {
  const auto& tensors = golden.tensors;
  const auto parameter = [&](const std::string& name) {
    return leaf(tensors.at(model + ".param." + name), at::kFloat);
  };
  const bool hyperbolic = tensors.contains(model + ".param.curv");
  const meru::LossOptions options = options_of(hyperbolic, golden.config);
  meru::LossScalars scalars{.logit_scale = parameter("logit_scale")};
  if (hyperbolic) {
    scalars.curv = parameter("curv");
    scalars.visual_alpha = parameter("visual_alpha");
    scalars.textual_alpha = parameter("textual_alpha");
  }
  const at::Tensor visual = parameter("visual_proj.weight"), textual = parameter("textual_proj.weight");
  meru::clamp_scalars(scalars, options);

  const auto world = golden.config.at("world").get<int64_t>();
  std::vector<at::Tensor> image, text, image_proj, text_proj, image_embeds, text_embeds;
  for (int64_t rank = 0; rank < world; ++rank) {
    const std::string prefix = model + ".rank" + std::to_string(rank) + ".";
    image.push_back(leaf(tensors.at(prefix + "image_features"), at::kFloat));
    text.push_back(leaf(tensors.at(prefix + "text_features"), at::kFloat));
    image_proj.push_back(at::linear(image.back(), visual));
    text_proj.push_back(at::linear(text.back(), textual));
    image_embeds.push_back(meru::embed(image_proj.back(), scalars.visual_alpha, scalars.curv, options));
    text_embeds.push_back(meru::embed(text_proj.back(), scalars.textual_alpha, scalars.curv, options));
  }
  const std::vector<at::Tensor> all = {at::cat(image_embeds), at::cat(text_embeds)};

  at::Tensor total = at::zeros({});
  for (int64_t rank = 0; rank < world; ++rank) {
    const std::string prefix = model + ".rank" + std::to_string(rank) + ".";
    OneProcessWorld gather(all, rank, image[rank].size(0));
    const meru::LossOutput out =
        meru::contrastive_loss({.image = image_proj[rank], .text = text_proj[rank]}, scalars, options, gather);
    total = total + out.loss;
    results.tensors[prefix + "loss"] = out.loss.detach();
    for (const auto& [name, value] : out.logged) results.tensors[prefix + name] = value;
  }
  total.backward();

  auto parameters = named(scalars);
  parameters.insert(parameters.end(), {{"visual_proj.weight", visual}, {"textual_proj.weight", textual}});
  for (int64_t rank = 0; rank < world; ++rank) {
    const std::string prefix = model + ".rank" + std::to_string(rank) + ".";
    results.tensors[prefix + "grad_image_features"] = image[rank].grad();
    results.tensors[prefix + "grad_text_features"] = text[rank].grad();
    for (const auto& [name, value] : parameters) {
      results.tensors[prefix + "ddp_mean_grad." + name] = gradient_or_zero(value) / world;
    }
  }
}

}  // namespace

Results check_meru_loss(const Golden& golden) {
  Results results;
  for (const auto& [name, config] : golden.config.at("cases").items()) {
    for (const auto type : {at::kFloat, at::kDouble}) add_case(golden, name, config, type, results);
  }
  return results;
}

Results check_meru_ddp_loss(const Golden& golden) {
  Results results;
  std::set<std::string> models;
  for (const auto& [name, tensor] : golden.tensors.tensors) {
    const size_t end = name.find(".param.");
    if (end != std::string::npos) models.insert(name.substr(0, end));
  }
  for (const auto& model : models) add_world(golden, model, results);
  return results;
}

}  // namespace cambium::parity
