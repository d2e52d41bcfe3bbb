#include "models/video_ldm/temporal_pass.h"

#include <ATen/ops/arange.h>

namespace cambium::video_ldm {

TemporalPass::TemporalPass(const TemporalLayers& layers, const VideoConditions& conditions)
    : residuals_(layers.residuals()),
      transformers_(layers.transformers()),
      frames_(conditions.frames),
      image_only_(conditions.image_only),
      reach_(conditions.reach) {
  const at::Tensor text = conditions.text.to(conditions.dtype);
  const at::Tensor positions = conditions.positions.defined()
                                   ? conditions.positions
                                   : at::arange(frames_, at::TensorOptions(text.device()).dtype(at::kLong));
  for (const auto& transformer : transformers_) told_.push_back(transformer->condition(text, positions));
  if (conditions.context.defined()) context_ = layers.encode_context(conditions.context.to(conditions.dtype));
  for (const auto& place : residual_places(layers.unet_options())) levels_.push_back(place.level);
}

at::Tensor TemporalPass::context_at(int64_t place) const {
  return context_.empty() ? at::Tensor() : context_.at(static_cast<size_t>(levels_.at(static_cast<size_t>(place))));
}

at::Tensor TemporalPass::after_residual(int64_t place, const at::Tensor& hidden,
                                        const at::Tensor& time_embedding) const {
  return residuals_.at(static_cast<size_t>(place))
      ->forward(hidden, time_embedding, frames_, context_at(place), image_only_);
}

at::Tensor TemporalPass::after_attention(int64_t place, int64_t depth, const at::Tensor& tokens) const {
  const auto at = static_cast<size_t>(place);
  return transformers_.at(at)->forward(tokens, depth, frames_, told_.at(at), image_only_, reach_);
}

std::vector<at::Tensor> TemporalPass::residual_parameters(int64_t place) const {
  std::vector<at::Tensor> all = residuals_.at(static_cast<size_t>(place))->parameters();
  if (const at::Tensor context = context_at(place); context.defined()) all.push_back(context);
  return all;
}

std::vector<at::Tensor> TemporalPass::attention_parameters(int64_t place) const {
  const auto at = static_cast<size_t>(place);
  std::vector<at::Tensor> all = transformers_.at(at)->parameters_read();
  all.push_back(told_.at(at).positions);
  for (const nn::KeysValues& text : told_.at(at).text) {
    all.push_back(text.keys);
    all.push_back(text.values);
  }
  return all;
}

}  // namespace cambium::video_ldm
