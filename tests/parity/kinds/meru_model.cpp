#include "parity/kinds/meru_model.h"

#include <ATen/ATen.h>

#include "core/random.h"
#include "parity/fill.h"

namespace cambium::parity {
namespace {

clip::CLIPOptions sizes(const Json& description) {
  const Json& visual = description.at("visual");
  const Json& textual = description.at("textual");
  const auto size = [](const Json& part, const char* key) { return part.at(key).get<int64_t>(); };
  clip::CLIPOptions options;
  options.visual = {.image_size = size(visual, "image"),
                    .patch = size(visual, "patch"),
                    .width = size(visual, "width"),
                    .depth = size(visual, "depth"),
                    .heads = size(visual, "heads")};
  options.visual.mlp_width =
      static_cast<int64_t>(static_cast<double>(options.visual.width) * visual.value("mlp_ratio", 4.0));
  options.textual = clip::TextTransformerOptions::parse(textual.at("arch").get<std::string>());
  options.textual.vocabulary = size(textual, "vocab");
  options.textual.context = size(textual, "context");
  if (textual.contains("heads")) options.textual.heads = size(textual, "heads");
  options.embed_dim = size(description, "embed_dim");
  return options;
}

}  // namespace

meru::LossOptions loss_of(const Json& description, bool hyperbolic) {
  meru::LossOptions options = hyperbolic ? meru::LossOptions::meru() : meru::LossOptions::clip();
  if (hyperbolic) {
    options.curv_init = description.value("curv_init", options.curv_init);
    options.entail_weight = description.value("entail_weight", options.entail_weight);
  }
  return options;
}

std::shared_ptr<clip::CLIP> build_model(const Json& description, const Json& scalars, bool hyperbolic) {
  auto model = meru::make_model(sizes(description), loss_of(description, hyperbolic));
  at::Generator generator = make_generator(0);
  model->initialize(generator);
  fill_module(*model, {"visual.pos_embed"});
  const at::NoGradGuard no_grad;
  for (const auto& parameter : model->named_parameters()) {
    const auto it = scalars.find(parameter.key());
    if (it != scalars.end()) at::Tensor(parameter.value()).fill_(it->get<double>());
  }
  return model;
}

}  // namespace cambium::parity
