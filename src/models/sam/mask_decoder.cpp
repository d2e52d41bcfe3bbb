#include "models/sam/mask_decoder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include "core/error.h"
#include "io/dtype.h"
#include "nn/activation.h"

namespace cambium::sam {
namespace {

// How many masks are asked for. Error where the parts do not fit together.
int64_t check(const DecoderInput& in, int64_t width) {
  const int64_t images = in.embedding.size(0);
  if (in.embedding.dim() != 4 || in.embedding.size(1) != width) {
    throw Error({.what = "expected image embeddings of " + std::to_string(width) + " channels, got shape " +
                         io::shape_text(in.embedding.sizes())});
  }
  if (in.dense_pe.sizes().slice(1) != in.embedding.sizes().slice(1) ||
      in.dense.sizes().slice(1) != in.embedding.sizes().slice(1)) {
    throw Error({.what = "image embedding " + io::shape_text(in.embedding.sizes()) + ", its positions " +
                         io::shape_text(in.dense_pe.sizes()) + " and dense prompts " +
                         io::shape_text(in.dense.sizes()) + " are of different grids"});
  }
  const int64_t batch = std::max({images, in.sparse.size(0), in.dense.size(0)});
  const auto fits = [&](int64_t n) { return n == 1 || n == batch; };
  if (batch % images != 0 || !fits(in.sparse.size(0)) || !fits(in.dense.size(0))) {
    throw Error({.what = std::to_string(in.sparse.size(0)) + " sparse and " + std::to_string(in.dense.size(0)) +
                         " dense prompts do not divide over " + std::to_string(images) + " images"});
  }
  return batch;
}

}  // namespace

MaskDecoder::MaskDecoder(const MaskDecoderOptions& options) : options_(options) {
  options.validate();
  const int64_t width = options.width;
  transformer_ = register_module("transformer", std::make_shared<TwoWayTransformer>(options));
  iou_token_ = register_module("iou_token", std::make_shared<Embedding>(1, width));
  mask_tokens_ = register_module("mask_tokens", std::make_shared<Embedding>(options.masks, width));
  // Positions 2 and 4 of the original's sequence are activations.
  auto upscaling = std::make_shared<torch::nn::Module>("output_upscaling");
  upscale1_ = upscaling->register_module("0", std::make_shared<ConvTranspose2d>(width, width / 4));
  upscale_norm_ = upscaling->register_module("1", std::make_shared<LayerNorm2d>(width / 4));
  upscale2_ = upscaling->register_module("3", std::make_shared<ConvTranspose2d>(width / 4, width / 8));
  register_module("output_upscaling", upscaling);
  auto hypernetworks = std::make_shared<torch::nn::Module>("output_hypernetworks_mlps");
  for (int64_t i = 0; i < options.masks; ++i) {
    hypernetworks_.push_back(
        hypernetworks->register_module(std::to_string(i), std::make_shared<MlpHead>(width, width, width / 8, 3)));
  }
  register_module("output_hypernetworks_mlps", hypernetworks);
  iou_head_ = register_module("iou_prediction_head",
                              std::make_shared<MlpHead>(width, options.iou_hidden, options.masks, options.iou_depth));
}

at::Tensor MaskDecoder::tokens_of(const DecoderInput& in, int64_t batch, const at::Tensor& extra) const {
  const at::ScalarType dtype = in.embedding.scalar_type();
  std::vector<at::Tensor> fixed = {iou_token_->weight, mask_tokens_->weight};
  if (extra.defined()) fixed.push_back(extra);
  return at::cat(
      {at::cat(fixed, 0).to(dtype).unsqueeze(0).expand({batch, -1, -1}), in.sparse.to(dtype).expand({batch, -1, -1})},
      1);
}

MaskDecoder::Decoded MaskDecoder::decode(const DecoderInput& in, const at::Tensor& extra) const {
  const int64_t batch = check(in, options_.width), height = in.embedding.size(2), width = in.embedding.size(3);
  const at::ScalarType dtype = in.embedding.scalar_type();
  at::Tensor image = pixel_rows(in.embedding, dtype);
  if (in.dense.size(0) == batch && in.embedding.size(0) != batch) {
    image = image.repeat_interleave(batch / in.embedding.size(0), 0);
  }
  image = image + pixel_rows(in.dense, dtype);  // [I | B, h * w, C]
  const TwoWayTransformer::Output out =
      transformer_->forward(transformer_->prepare(image, pixel_rows(in.dense_pe, dtype)), tokens_of(in, batch, extra));

  at::Tensor x = out.image.view({out.image.size(0), height, width, options_.width});
  x = nn::activate(upscale_norm_->forward(upscale1_->forward(x)), nn::Activation::gelu);  // [B, h, w, 2, 2, C / 4]
  x = nn::activate(upscale2_->forward(x), nn::Activation::gelu);  // [B, h, w, 2, 2, 2, 2, C / 8]
  return {out.tokens, x};
}

at::Tensor MaskDecoder::hyper(const at::Tensor& tokens, int64_t begin, int64_t count) const {
  std::vector<at::Tensor> out;
  for (int64_t i = begin; i < begin + count; ++i) out.push_back(hypernetworks_[i]->forward(tokens.select(1, 1 + i)));
  return at::stack(out, 1);
}

at::Tensor MaskDecoder::masks_of(const Decoded& decoded, int64_t begin, int64_t count) const {
  const at::Tensor& up = decoded.upscaled;
  const int64_t batch = up.size(0), height = up.size(1), width = up.size(2);
  const at::Tensor masks =
      at::matmul(hyper(decoded.tokens, begin, count), up.flatten(1, 6).transpose(1, 2)).to(at::kFloat);
  // Each cell's 4 x 4 pixels to their places.
  return masks.view({batch, count, height, width, 2, 2, 2, 2})
      .permute({0, 1, 2, 4, 6, 3, 5, 7})
      .reshape({batch, count, 4 * height, 4 * width});
}

at::Tensor MaskDecoder::iou_of(const at::Tensor& tokens) const {
  return iou_head_->forward(tokens.select(1, 0)).to(at::kFloat);
}

MaskOutput MaskDecoder::forward(const DecoderInput& input, const DecodeOptions& options) const {
  const int64_t begin = options.multimask && !options.all ? 1 : 0;
  const int64_t count = options.all ? options_.masks : options.multimask ? options_.masks - 1 : 1;
  if (!c10::GradMode::is_enabled() && input.embedding.device().is_cpu()) {
    return forward_each(input, check(input, options_.width), begin, count);
  }
  const Decoded decoded = decode(input);
  // In training every hypernetwork takes part, as in the original: those whose masks are not asked for get gradients of
  // zero, not none.
  const at::Tensor masks = c10::GradMode::is_enabled() ? masks_of(decoded, 0, options_.masks).narrow(1, begin, count)
                                                       : masks_of(decoded, begin, count);
  return {masks, iou_of(decoded.tokens).narrow(1, begin, count)};
}

void MaskDecoder::initialize(at::Generator& generator) {
  transformer_->initialize(generator);
  iou_token_->initialize(generator);
  mask_tokens_->initialize(generator);
  upscale1_->initialize(generator);
  initialize_norm(*upscale_norm_);
  upscale2_->initialize(generator);
  for (const auto& head : hypernetworks_) head->initialize(generator);
  iou_head_->initialize(generator);
}

}  // namespace cambium::sam
