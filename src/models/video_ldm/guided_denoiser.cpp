#include "models/video_ldm/guided_denoiser.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

namespace cambium::video_ldm {

namespace {

at::Tensor or_else(const at::Tensor& a, const at::Tensor& b) { return a.defined() ? a : b; }

// `rows` copies one behind the other, along the batch.
at::Tensor stacked(const at::Tensor& t, int64_t rows) {
  return t.defined() ? at::cat(std::vector<at::Tensor>(static_cast<size_t>(rows), t)) : t;
}

// The negative's rows, then `positives` times the prompt's.
at::Tensor negative_first(const at::Tensor& negative, const at::Tensor& positive, int64_t positives) {
  std::vector<at::Tensor> parts;
  if (negative.defined()) {
    auto shape = positive.sizes().vec();
    shape[1] = negative.size(1);
    parts.push_back(negative.expand(shape));
  }
  parts.insert(parts.end(), static_cast<size_t>(positives), positive);
  return at::cat(parts);
}

}  // namespace

GuidedVideoDenoiser::GuidedVideoDenoiser(std::shared_ptr<const latent_diffusion::UNet> unet,
                                         std::shared_ptr<const TemporalLayers> layers, const VideoInputs& inputs,
                                         const NegativeText& negative, const latent_diffusion::Guidance& guidance)
    : guidance_(guidance),
      asks_negative_(guidance.asks_negative()),
      asks_without_context_(inputs.context.defined() && (asks_negative_ || guidance.context != 1)) {
  guidance.validate();
  const int64_t positives = asks_without_context_ ? 2 : 1, rows = positives + (asks_negative_ ? 1 : 0);
  VideoInputs all = inputs;
  all.text = negative_first(asks_negative_ ? negative.text : at::Tensor(), inputs.text, positives);
  if (inputs.time_text.defined() || negative.time_text.defined())
    all.time_text = negative_first(asks_negative_ ? or_else(negative.time_text, negative.text) : at::Tensor(),
                                   or_else(inputs.time_text, inputs.text), positives);
  if (inputs.context.defined()) {
    std::vector<at::Tensor> contexts(static_cast<size_t>(rows - 1), at::zeros_like(inputs.context));
    contexts.push_back(inputs.context);
    all.context = at::cat(contexts);
  }
  all.image_only = stacked(inputs.image_only, rows);
  all.frame_rates = stacked(inputs.frame_rates, rows);
  all.class_labels = stacked(inputs.class_labels, rows);
  all.low_res = stacked(inputs.low_res, rows);
  denoiser_ = std::make_unique<VideoDenoiser>(std::move(unet), std::move(layers), all);
}

at::Tensor GuidedVideoDenoiser::operator()(const at::Tensor& x, double t) const {
  const int64_t rows = 1 + (asks_negative_ ? 1 : 0) + (asks_without_context_ ? 1 : 0);
  const at::Tensor time = at::full({1}, t, at::TensorOptions(x.device()).dtype(at::kFloat));
  const at::Tensor out = (*denoiser_)(stacked(x, rows), time);
  if (asks_negative_ && asks_without_context_) return guide_with_context(out, guidance_);
  if (asks_negative_) return guide(out, guidance_);
  if (!asks_without_context_) return out;
  // f(0) + s (f(c) - f(0)), the paper's formula: what guidance by text does with the frames in the text's place.
  return latent_diffusion::guide(out, {.scale = guidance_.context, .rescale = guidance_.rescale});
}

}  // namespace cambium::video_ldm
