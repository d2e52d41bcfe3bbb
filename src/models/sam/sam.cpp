#include "models/sam/sam.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/tensor.h>

#include "core/error.h"
#include "models/sam/hq_mask_decoder.h"
#include "models/sam/tiny_vit.h"

namespace cambium::sam {

at::Tensor normalize(const at::Tensor& rgb) {
  const auto channels = [&](const std::array<float, 3>& v) {
    return at::tensor(c10::ArrayRef<float>(v.data(), v.size())).to(rgb.device()).view({3, 1, 1});
  };
  return (rgb.to(at::kFloat) - channels(kPixelMean)) / channels(kPixelStd);
}

at::Tensor pad_to(const at::Tensor& x, int64_t height, int64_t width) {
  return at::constant_pad_nd(x, {0, width - x.size(-1), 0, height - x.size(-2)});
}

Sam::Sam(const SamOptions& options) : options_(options) {
  options.validate();
  if (options.encoder_kind == EncoderKind::vit) {
    image_encoder_ = vit_ = std::make_shared<ImageEncoder>(options.encoder);
  } else {
    image_encoder_ = std::make_shared<TinyViT>(options.encoder);
  }
  register_module("image_encoder", image_encoder_);
  prompt_encoder_ = register_module("prompt_encoder", std::make_shared<PromptEncoder>(options.prompt));
  mask_decoder_ = options.decoder.hq() ? std::make_shared<HqMaskDecoder>(options.decoder)
                                       : std::make_shared<MaskDecoder>(options.decoder);
  register_module("mask_decoder", mask_decoder_);
}

ImageFeatures Sam::encode(const at::Tensor& image) {
  return image_encoder_->encode(image.to(dtype_), /*early=*/options_.decoder.hq());
}

MaskOutput Sam::decode(const ImageFeatures& features, const PromptEmbeddings& prompts,
                       const DecodeOptions& options) const {
  const at::Tensor& embedding = features.embedding;
  return mask_decoder_->forward({.embedding = embedding,
                                 .dense_pe = prompt_encoder_->dense_pe(embedding.size(2), embedding.size(3)),
                                 .sparse = prompts.sparse,
                                 .dense = prompts.dense,
                                 .early = features.early},
                                options);
}

MaskOutput Sam::decode(const ImageFeatures& features, const Prompts& prompts, const DecodeOptions& options) const {
  const int64_t patch = options_.prompt.patch;
  return decode(
      features,
      prompt_encoder_->encode(prompts, features.embedding.size(2) * patch, features.embedding.size(3) * patch),
      options);
}

void Sam::initialize(at::Generator& generator) {
  image_encoder_->initialize(generator);
  prompt_encoder_->initialize(generator);
  mask_decoder_->initialize(generator);
}

const std::shared_ptr<ImageEncoder>& Sam::vit() const {
  if (!vit_) {
    throw Error({.what = "this needs Segment Anything's own image encoder, and the model has MobileSAM's",
                 .mend = "use a sam_vit_*.pth checkpoint"});
  }
  return vit_;
}

}  // namespace cambium::sam
