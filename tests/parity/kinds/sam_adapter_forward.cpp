// sam_adapter_forward, sam_adapter_variants, sam_adapter_vit_1024: the prompt generator, the adapted encoder,
// prompt-free decoding, the losses and what they give back as gradients; the prompt generator's other forms; ViT-B at
// 1024 pixels.
#include <ATen/ATen.h>

#include "models/sam_adapter/high_pass.h"
#include "models/sam_adapter/loss.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_adapter_model.h"

namespace cambium::parity {
namespace {

using sam_adapter::MaskLoss;
using sam_adapter::PromptGeneratorOptions;

double bbce(const at::Tensor& pred, const at::Tensor& gt) {
  return sam_adapter::bbce_loss(pred, gt, sam_adapter::Balance::of(gt).positive_share(0)).item<double>();
}

Json losses(const at::Tensor& pred, const at::Tensor& gt) {
  return {{"bce", sam_adapter::bce_loss(pred, gt).item<double>()},
          {"bbce", bbce(pred, gt)},
          {"iou_term", sam_adapter::iou_loss(pred, gt).item<double>()}};
}

// Of every block, [B, H W, C].
std::vector<at::Tensor> prompts_of(const sam_adapter::SamAdapter& model, const at::Tensor& x) {
  const auto& generator = *model.prompt_generator();
  const at::Tensor feature = generator.feature(model.image_encoder()->embed(x), x);
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < generator.options().depth; ++i) out.push_back(generator.prompt(feature, i));
  return out;
}

at::Tensor summaries(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& t : tensors) rows.push_back(summary(t));
  return at::stack(rows);
}

at::Tensor predict(sam_adapter::SamAdapter& model, const at::Tensor& x) {
  return sam_adapter::upscale(model.forward(x), x.size(2), x.size(3));
}

}  // namespace

Results check_sam_adapter_forward(const Golden& golden) {
  const Json& config = golden.config;
  auto model = build_sam_adapter(config);
  const auto [x, gt] = sam_adapter_input(config.at("tag").get<std::string>(), config.at("batch").get<int64_t>(),
                                         config.at("img").get<int64_t>());
  Results results;
  {
    const at::NoGradGuard guard;
    const auto& generator = *model->prompt_generator();
    results.tensors["pg.embedding_feature"] = generator.embedding_feature(model->image_encoder()->embed(x));
    results.tensors["pg.handcrafted_feature"] = generator.handcrafted_feature(x);
    const auto prompts = prompts_of(*model, x);
    for (const size_t i : {size_t{0}, prompts.size() - 1}) {
      results.tensors["pg.prompt" + std::to_string(i)] = every(every(prompts[i], 1, 2), 2, 4);
    }
    results.tensors["pg.prompt_summaries"] = summaries(prompts);
    const at::Tensor features = model->encode(x);
    results.tensors["features"] = every(features, 1, 4);
    results.tensors["features.summary"] = summary(features);
    const at::Tensor pred = predict(*model, x);
    results.tensors["pred_mask"] = every(every(pred, 2, 2), 3, 2);
    results.tensors["pred_mask.summary"] = summary(pred);
    std::vector<at::Tensor> singles;
    for (int64_t i = 0; i < x.size(0); ++i) singles.push_back(predict(*model, x.narrow(0, i, 1)));
    results.tensors["batch_vs_single_max_diff"] = (pred - at::cat(singles)).abs().max().reshape({1});
    results.json["losses"] = losses(pred, gt);
    const Json empty = losses(pred, at::zeros_like(gt));
    for (const auto& [name, value] : empty.items()) {
      results.json["losses"][name == "iou_term" ? "iou_empty_gt" : name + "_empty_gt"] = value;
    }
  }
  int64_t total = 0, trained = 0;
  for (const auto& item : model->named_parameters()) {
    total += item.value().numel();
    if (!item.value().requires_grad()) continue;
    trained += item.value().numel();
    results.json["trainable"].push_back(item.key());
  }
  results.json["n_total"] = total;
  results.json["n_trainable"] = trained;
  for (const auto& [name, unused] : config.at("grads").items()) {
    for (auto& parameter : model->parameters()) parameter.mutable_grad().reset();
    const at::Tensor loss = sam_adapter::mask_loss(sam_adapter::parse_mask_loss(name), predict(*model, x), gt,
                                                   sam_adapter::Balance::of(gt).positive_share(0));
    loss.backward();
    results.json["grads"][name] = {{"loss", loss.item<double>()}, {"grad_norms", gradient_norms(*model)}};
  }
  return results;
}

Results check_sam_adapter_variants(const Golden& golden) {
  using Adaptor = PromptGeneratorOptions::Adaptor;
  using Layout = PromptGeneratorOptions::EmbeddingLayout;
  const std::map<std::string, PromptGeneratorOptions> variants = {
      {"official", {.embedding_layout = Layout::official}},
      {"natural", {}},
      {"natural_fully_shared", {.adaptor = Adaptor::fully_shared}},
      {"natural_fully_unshared", {.adaptor = Adaptor::fully_unshared}},
      {"natural_no_handcrafted", {.handcrafted_tune = false}},
      {"no_embedding", {.embedding_tune = false}},
  };
  const Json& config = golden.config;
  const auto input = sam_adapter_input(config.at("tag").get<std::string>(), config.at("batch").get<int64_t>(),
                                       config.at("img").get<int64_t>());
  const at::NoGradGuard guard;
  Results results;
  for (const auto& [name, prompts] : variants) {
    auto model = build_sam_adapter(config, prompts);
    const at::Tensor features = model->encode(input.x);
    results.tensors[name + ".features"] = every(features, 1, 4);
    results.tensors[name + ".low_res"] = model->decode(features);
  }
  return results;
}

Results check_sam_adapter_vit_1024(const Golden& golden) {
  const Json& config = golden.config;
  const at::NoGradGuard guard;
  auto model = build_sam_adapter(config);
  const auto [x, gt] = sam_adapter_input(config.at("tag").get<std::string>(), config.at("batch").get<int64_t>(),
                                         config.at("img").get<int64_t>());
  const auto& generator = *model->prompt_generator();
  Results results;
  auto& out = results.tensors;
  const at::Tensor high = sam_adapter::fft_highpass(x, generator.options().rate);
  out["fft.slice"] = every(every(high, 2, 32), 3, 32);
  out["fft.summary"] = summary(high);
  out["pg.embedding.slice"] = every(generator.embedding_feature(model->image_encoder()->embed(x)), 1, 16);
  out["pg.handcrafted.slice"] = every(every(generator.handcrafted_feature(x), 2, 4), 3, 4);
  const auto prompts = prompts_of(*model, x);
  out["pg.prompt" + std::to_string(prompts.size() - 1) + ".slice"] = every(every(prompts.back(), 1, 64), 2, 8);
  out["pg.prompt_summaries"] = summaries(prompts);
  const at::Tensor features = model->encode(x);
  out["features.slice"] = every(every(every(features[0], 0, 8), 1, 4), 2, 4);
  out["features.summary"] = summary(features);
  const at::Tensor pred = sam_adapter::upscale(model->decode(features), x.size(2), x.size(3));
  out["pred.slice"] = every(every(pred[0][0], 0, 16), 1, 16);
  out["pred.summary"] = summary(pred);
  out["sigmoid.area"] = at::sigmoid(pred).gt(0.5).sum();
  out["near_zero"] = pred.abs().lt(1e-3).sum();
  results.json["losses"] = losses(pred, gt);
  return results;
}

}  // namespace cambium::parity
