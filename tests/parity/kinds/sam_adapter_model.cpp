#include "parity/kinds/sam_adapter_model.h"

#include <ATen/ATen.h>

#include "parity/conventions.h"
#include "parity/kinds/sam_model.h"
#include "peft/select.h"

namespace cambium::parity {

std::shared_ptr<sam_adapter::SamAdapter> build_sam_adapter(const Json& config,
                                                           sam_adapter::PromptGeneratorOptions prompts) {
  sam_adapter::SamAdapterOptions options;
  Json sizes = config;
  if (!sizes.contains("patch")) sizes["patch"] = 16;  // left out where it is SAM's own
  options.sam = sam_options(sizes);
  options.prompts = sam_adapter::SamAdapterOptions::fit(prompts, options.sam.encoder);
  auto model = std::make_shared<sam_adapter::SamAdapter>(options);
  fill_sam(*model);
  peft::train_only(*model, {"image_encoder.prompt_generator.*", "mask_decoder.*", "no_mask_embed.weight"});
  return model;
}

SamAdapterInput sam_adapter_input(const std::string& tag, int64_t batch, int64_t img) {
  const at::Tensor y = at::arange(img, at::kFloat).unsqueeze(1), x = at::arange(img, at::kFloat).unsqueeze(0);
  std::vector<at::Tensor> discs;
  for (int64_t i = 0; i < batch; ++i) {
    const double k = static_cast<double>(i), side = static_cast<double>(img), radius = side * (0.15 + 0.05 * k);
    const at::Tensor square = (y - side * (0.3 + 0.1 * k)).square() + (x - side * (0.6 - 0.1 * k)).square();
    discs.push_back(square.lt(radius * radius).to(at::kFloat).unsqueeze(0));
  }
  const at::Tensor gt = at::stack(discs);
  return {.x = rnd(tag + ".x", {batch, 3, img, img}, 2) + 0.7 * gt, .gt = gt};
}

at::Tensor every(const at::Tensor& t, int64_t dim, int64_t step) { return t.slice(dim, 0, std::nullopt, step); }

Json gradient_norms(const sam_adapter::SamAdapter& model) {
  Json norms;
  for (const auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const at::Tensor& gradient = item.value().grad();
    norms[item.key()] = gradient.defined() ? Json(gradient.to(at::kDouble).norm().item<double>()) : Json(nullptr);
  }
  return norms;
}

}  // namespace cambium::parity
