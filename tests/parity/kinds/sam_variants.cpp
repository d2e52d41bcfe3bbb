// hq_sam_forward: HQ-SAM's encoder and decoder with two boxes.
// mobile_sam_encoder: MobileSAM's TinyViT at 1024 pixels, stage by stage.
#include <ATen/ATen.h>

#include "models/sam/sam.h"
#include "models/sam/tiny_vit.h"
#include "nn/load.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_model.h"

namespace cambium::parity {
namespace {

using at::indexing::None;
using at::indexing::Slice;

Slice every(int64_t n) { return Slice(None, None, n); }

}  // namespace

Results check_hq_sam_forward(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  sam::SamOptions options = sam_options(config);
  options.decoder.hq_encoder_width = options.encoder.width;
  sam::Sam model(options);
  fill_sam(model);
  Results results;
  auto& out = results.tensors;
  const int64_t side = config.at("img");
  const sam::ImageFeatures features =
      model.encode(rnd(config.at("tag").get<std::string>() + ".input", {1, 3, side, side}, 2));
  out["features"] = features.embedding.slice(1, 0, {}, 4).contiguous();
  out["interm0"] = features.early.slice(3, 0, {}, 4).contiguous();

  const auto boxes = config.at("boxes").get<std::vector<std::vector<double>>>();
  at::Tensor corners = at::empty({static_cast<int64_t>(boxes.size()), 4});
  for (size_t i = 0; i < boxes.size(); ++i) corners[static_cast<int64_t>(i)].copy_(at::tensor(boxes[i], at::kDouble));
  for (const bool multimask : {false, true}) {
    for (const bool only : {false, true}) {
      const sam::MaskOutput output =
          model.decode(features, sam::Prompts{.boxes = corners}, {.multimask = multimask, .hq_token_only = only});
      const std::string name = std::string("multi") + (multimask ? "1" : "0") + ".only" + (only ? "1" : "0");
      out[name + ".masks"] = output.low_res;
      out[name + ".iou"] = output.iou;
    }
  }
  // What HQ-SAM's decoder has that SAM's has not.
  const sam::MaskDecoder plain({});
  std::set<std::string> known;
  for (const auto& [key, tensor] : nn::state_tensors(plain)) known.insert(key);
  for (const auto& [key, tensor] : nn::state_tensors(*model.mask_decoder())) {
    if (!known.contains(key)) results.json["extra_decoder_keys"].push_back(Json::array({key, tensor.sizes().vec()}));
  }
  return results;
}

Results check_mobile_sam_encoder(const Golden& golden) {
  const at::NoGradGuard no_grad;
  sam::Sam model(sam::SamOptions{.encoder_kind = sam::EncoderKind::tiny_vit});
  fill_sam(model);
  Results results;
  auto& out = results.tensors;
  const auto encoder = std::dynamic_pointer_cast<sam::TinyViT>(model.image_encoder());
  at::Tensor x = encoder->embed(rnd("mobile.input", {1, 3, 1024, 1024}, 2));
  out["patch_embed.slice"] = x.index({0, every(8), every(32), every(32)}).contiguous();
  out["patch_embed.summary"] = summary(x);
  for (size_t i = 0; i < encoder->layers().size(); ++i) {
    x = encoder->layers()[i]->forward(x);
    const at::Tensor rows = x.flatten(2).transpose(1, 2);  // [B, N, C]
    const std::string name = "layer" + std::to_string(i);
    out[name + ".slice"] = rows.index({0, every(64), every(16)}).contiguous();
    out[name + ".summary"] = summary(rows);
  }
  const at::Tensor features = encoder->neck()->forward(x.permute({0, 2, 3, 1}));
  out["features.slice"] = features.index({0, every(8), every(4), every(4)}).contiguous();
  out["features.summary"] = summary(features);
  for (const auto& [key, tensor] : nn::state_tensors(*encoder)) {
    results.json["keys"].push_back(Json::array({"image_encoder." + key, tensor.sizes().vec()}));
  }
  return results;
}

}  // namespace cambium::parity
