#include "models/sam/hq_mask_decoder.h"

#include <ATen/ops/matmul.h>

#include "core/error.h"
#include "nn/activation.h"

namespace cambium::sam {
namespace {

// Each cell's 4 x 4 pixels to their places. [B, h, w, 2, 2, 2, 2, C] -> [B, 4h, 4w, C]
at::Tensor in_place(const at::Tensor& x) {
  return x.permute({0, 1, 3, 5, 2, 4, 6, 7}).reshape({x.size(0), 4 * x.size(1), 4 * x.size(2), x.size(7)});
}

}  // namespace

at::Tensor HqMaskDecoder::Upscaling::forward(const at::Tensor& x) const {
  const at::Tensor y = nn::activate(norm->forward(untile(first->forward(x))), nn::Activation::gelu);
  return untile(second->forward(y));
}

HqMaskDecoder::Upscaling HqMaskDecoder::upscaling(const char* name, int64_t in, int64_t hidden, int64_t out) {
  auto sequence = std::make_shared<torch::nn::Module>(name);
  Upscaling parts;
  parts.first = sequence->register_module("0", std::make_shared<ConvTranspose2d>(in, hidden));
  parts.norm = sequence->register_module("1", std::make_shared<LayerNorm2d>(hidden));
  parts.second = sequence->register_module("3", std::make_shared<ConvTranspose2d>(hidden, out));
  register_module(name, sequence);
  return parts;
}

HqMaskDecoder::HqMaskDecoder(const MaskDecoderOptions& options) : MaskDecoder(options) {
  const int64_t width = options.width, pixel = width / 8;
  hf_token_ = register_module("hf_token", std::make_shared<Embedding>(1, width));
  hf_mlp_ = register_module("hf_mlp", std::make_shared<MlpHead>(width, width, pixel, 3));
  compress_vit_feat_ = upscaling("compress_vit_feat", options.hq_encoder_width, width, pixel);
  embedding_encoder_ = upscaling("embedding_encoder", width, width / 4, pixel);
  auto feature = std::make_shared<torch::nn::Module>("embedding_maskfeature");
  maskfeature1_ = feature->register_module(
      "0", std::make_shared<Conv2d>(Conv2dOptions{.in = pixel, .out = 2 * pixel, .kernel = 3, .padding = 1}));
  maskfeature_norm_ = feature->register_module("1", std::make_shared<LayerNorm2d>(2 * pixel));
  maskfeature2_ = feature->register_module(
      "3", std::make_shared<Conv2d>(Conv2dOptions{.in = 2 * pixel, .out = pixel, .kernel = 3, .padding = 1}));
  register_module("embedding_maskfeature", feature);
}

MaskOutput HqMaskDecoder::forward(const DecoderInput& input, const DecodeOptions& options) const {
  if (!input.early.defined()) {
    throw Error({.what = "HQ-SAM's decoder needs the encoder's early features, and there are none",
                 .mend = "encode the image with Encoder::encode(image, true)"});
  }
  const Decoded decoded = decode(input, hf_token_->weight);
  const at::Tensor iou = iou_of(decoded.tokens);

  // What the encoder saw, at the masks' resolution, once per image.
  const at::Tensor detail =
      embedding_encoder_.forward(input.embedding.permute({0, 2, 3, 1})) +
      compress_vit_feat_.forward(input.early.to(input.embedding.scalar_type()));  // [I, 4h, 4w, C/8]
  at::Tensor x = in_place(decoded.upscaled).permute({0, 3, 1, 2});                // [B, C / 8, 4h, 4w]
  x = nn::activate(maskfeature_norm_->forward_image(maskfeature1_->forward(x)), nn::Activation::gelu);
  x = maskfeature2_->forward(x).permute({0, 2, 3, 1});  // [B, 4h, 4w, C / 8]
  const int64_t batch = x.size(0), images = detail.size(0);
  x = (x.unflatten(0, {images, batch / images}) + detail.unsqueeze(1)).flatten(0, 1);

  const at::Tensor weights =
      hf_mlp_->forward(decoded.tokens.select(1, 1 + options_.masks)).unsqueeze(2);  // [B, C / 8, 1]
  at::Tensor masks =
      at::matmul(x.flatten(1, 2), weights).view({batch, 1, x.size(1), x.size(2)}).to(at::kFloat);  // [B, 1, 4h, 4w]
  if (!options.multimask) {
    if (!options.hq_token_only) masks = masks + masks_of(decoded, 0, 1);
    return {masks, iou.narrow(1, 0, 1)};
  }
  const auto [best, index] = iou.narrow(1, 1, options_.masks - 1).max(1, /*keepdim=*/true);  // [B, 1] both
  if (!options.hq_token_only) {
    const at::Tensor sam = masks_of(decoded, 1, options_.masks - 1);
    masks = masks + sam.gather(1, index.view({batch, 1, 1, 1}).expand({-1, -1, sam.size(2), sam.size(3)}));
  }
  return {masks, best};
}

void HqMaskDecoder::initialize(at::Generator& generator) {
  MaskDecoder::initialize(generator);
  hf_token_->initialize(generator);
  hf_mlp_->initialize(generator);
  for (const Upscaling* parts : {&compress_vit_feat_, &embedding_encoder_}) {
    parts->first->initialize(generator);
    initialize_norm(*parts->norm);
    parts->second->initialize(generator);
  }
  maskfeature1_->initialize(generator);
  initialize_norm(*maskfeature_norm_);
  maskfeature2_->initialize(generator);
}

}  // namespace cambium::sam
