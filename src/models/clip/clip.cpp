#include "models/clip/clip.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/tensor.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::clip {
namespace {

// torch.nn.functional.normalize over the last dimension.
at::Tensor normalize(const at::Tensor& x) { return x / x.norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-12); }

at::Tensor channels(const std::array<float, 3>& values) {
  return at::tensor(c10::ArrayRef<float>(values.data(), values.size())).view({3, 1, 1});
}

}  // namespace

CLIP::CLIP(const CLIPOptions& options) : options_(options) {
  options.validate();
  logit_scale_ = register_parameter("logit_scale", at::empty({}));
  pixel_mean_ = register_buffer("pixel_mean", channels(options.pixel_mean));
  pixel_std_ = register_buffer("pixel_std", channels(options.pixel_std));
  visual_ = register_module("visual", std::make_shared<VisionTransformer>(options.visual));
  textual_ = register_module("textual", std::make_shared<TextTransformer>(options.textual));
  const auto projection = [&](const char* name, int64_t width) {
    return register_module(
        name, std::make_shared<nn::Linear>(nn::LinearOptions{.in = width, .out = options.embed_dim, .bias = false}));
  };
  visual_proj_ = projection("visual_proj", options.visual.width);
  textual_proj_ = projection("textual_proj", options.textual.width);
}

at::Tensor CLIP::visual_features(const at::Tensor& pixels) {
  const auto precise = feature_dtype();
  const at::Tensor x = pixels.scalar_type() == at::kByte ? pixels.to(precise) / 255 : pixels.to(precise);
  return visual_->forward(((x - pixel_mean_) / pixel_std_).to(compute_dtype_)).to(precise);
}

at::Tensor CLIP::textual_features(const at::Tensor& ids) {
  return textual_->forward(ids, compute_dtype_).to(feature_dtype());
}

at::Tensor CLIP::image_features(const at::Tensor& pixels) { return visual_proj_->forward(visual_features(pixels)); }
at::Tensor CLIP::text_features(const at::Tensor& ids) { return textual_proj_->forward(textual_features(ids)); }

at::Tensor CLIP::encode_image(const at::Tensor& pixels, bool project) {
  const at::Tensor features = image_features(pixels);
  return project ? normalize(features) : features;
}

at::Tensor CLIP::encode_text(const at::Tensor& ids, bool project) {
  const at::Tensor features = text_features(ids);
  return project ? normalize(features) : features;
}

at::Tensor CLIP::encode_text(std::span<const std::vector<int32_t>> tokens, bool project) {
  return encode_text(pad_tokens(tokens, options_.textual.context).to(pixel_mean_.device()), project);
}

void CLIP::initialize(at::Generator& generator) {
  visual_->initialize(generator);
  textual_->initialize(generator);
  normal_(visual_proj_->weight, 0, 1 / std::sqrt(static_cast<double>(options_.visual.width)), generator);
  normal_(textual_proj_->weight, 0, 1 / std::sqrt(static_cast<double>(options_.textual.width)), generator);
  const at::NoGradGuard no_grad;
  logit_scale_.fill_(std::log(1 / 0.07));
}

void CLIP::set_checkpointing(bool on) {
  visual_->set_checkpointing(on);
  textual_->set_checkpointing(on);
}

}  // namespace cambium::clip
