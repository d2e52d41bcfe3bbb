#include "models/sam_adapter/model.h"

#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"

namespace cambium::sam_adapter {

PromptGeneratorOptions SamAdapterOptions::fit(PromptGeneratorOptions prompts, const sam::ImageEncoderOptions& encoder) {
  prompts.width = encoder.width;
  prompts.depth = encoder.depth;
  prompts.patch = encoder.patch;
  return prompts;
}

void SamAdapterOptions::validate() const {
  if (sam.encoder_kind != sam::EncoderKind::vit) {
    throw UsageError({.what = "only SAM's own image encoder can be adapted, not MobileSAM's",
                      .field = "foundation",
                      .mend = "give a sam_vit_*.pth"});
  }
  if (sam.decoder.hq()) {
    throw UsageError({.what = "HQ-SAM's decoder needs prompts", .field = "foundation", .mend = "give a sam_vit_*.pth"});
  }
  if (classes < 1 || classes > 255) {
    throw UsageError({.what = std::to_string(classes) + " is out of range",
                      .field = "model.classes",
                      .mend = "use 1 for binary masks, at most 255"});
  }
  sam.encoder.validate();
  sam.decoder.validate();
  if (prompts) prompts->validate();
}

SamAdapter::SamAdapter(const SamAdapterOptions& options) : options_(options) {
  options.validate();
  image_encoder_ = register_module("image_encoder", std::make_shared<sam::ImageEncoder>(options.sam.encoder));
  if (options.prompts) {
    prompt_generator_ =
        image_encoder_->register_module("prompt_generator", std::make_shared<PromptGenerator>(*options.prompts));
    injection_ = prompt_generator_;
  }
  sam::MaskDecoderOptions decoder = options.sam.decoder;
  if (options.classes > 1) decoder.masks = options.classes;
  mask_decoder_ = register_module("mask_decoder", std::make_shared<sam::MaskDecoder>(decoder));
  pe_layer_ = register_module("pe_layer", std::make_shared<sam::PositionEmbeddingRandom>(decoder.width));
  no_mask_embed_ = register_module("no_mask_embed", std::make_shared<sam::Embedding>(1, decoder.width));
}

at::Tensor SamAdapter::forward(const at::Tensor& image) { return decode(encode(image)); }

at::Tensor SamAdapter::encode(const at::Tensor& image) {
  return image_encoder_->forward(image.to(compute_dtype_), injection_.get());
}

at::Tensor SamAdapter::encode_prefix(const at::Tensor& image, int64_t first_block) {
  if (injection_) throw Error({.what = "an encoder that is told its task before block 0 has no frozen prefix"});
  return image_encoder_->forward_prefix(image.to(compute_dtype_), first_block);
}

at::Tensor SamAdapter::encode_from(const at::Tensor& tokens, int64_t first_block) {
  return image_encoder_->forward_from(tokens.to(compute_dtype_), first_block);
}

at::Tensor SamAdapter::decode(const at::Tensor& features) const {
  const int64_t width = options_.sam.decoder.width;
  const at::Tensor none = at::zeros({1, 0, width}, features.options().dtype(at::kFloat));
  const at::Tensor dense =
      no_mask_embed_->weight.view({1, width, 1, 1}).expand({1, width, features.size(2), features.size(3)});
  return mask_decoder_
      ->forward({.embedding = features.to(compute_dtype_),
                 .dense_pe = pe_layer_->grid(features.size(2), features.size(3)),
                 .sparse = none,
                 .dense = dense},
                {.all = options_.classes > 1})
      .low_res;
}

at::Tensor upscale(const at::Tensor& logits, int64_t height, int64_t width) {
  if (logits.size(2) == height && logits.size(3) == width) return logits;
  return at::upsample_bilinear2d(logits, at::IntArrayRef{height, width}, /*align_corners=*/false);
}

}  // namespace cambium::sam_adapter
