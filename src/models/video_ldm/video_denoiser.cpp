#include "models/video_ldm/video_denoiser.h"

#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>

#include "models/video_ldm/frames.h"

namespace cambium::video_ldm {

VideoDenoiser::VideoDenoiser(std::shared_ptr<const latent_diffusion::UNet> unet,
                             std::shared_ptr<const TemporalLayers> layers, const VideoInputs& inputs)
    : unet_(std::move(unet)),
      layers_(std::move(layers)),
      frames_(inputs.frames),
      text_(inputs.text),
      low_res_(inputs.low_res) {
  if (inputs.class_labels.defined()) extras_.class_labels = repeat_for_frames(inputs.class_labels, frames_);
  if (!c10::GradMode::is_enabled()) projected_ = unet_->project(text_);
  const bool off = !layers_ || (inputs.image_only.defined() && inputs.image_only.all().item<bool>());
  if (off) return;
  pass_ = layers_->pass({.frames = frames_,
                         .text = inputs.time_text.defined() ? inputs.time_text : inputs.text,
                         .context = inputs.context,
                         .image_only = inputs.image_only,
                         .positions = inputs.positions,
                         .reach = inputs.reach,
                         .dtype = unet_->compute_dtype()});
  if (inputs.frame_rates.defined()) extras_.added_embedding = layers_->embed_frame_rates(inputs.frame_rates, frames_);
}

at::Tensor VideoDenoiser::operator()(const at::Tensor& x, const at::Tensor& timesteps) const {
  latent_diffusion::UNetExtras extras = extras_;
  extras.injection = pass_.get();
  extras.context = projected_ ? &*projected_ : nullptr;
  const at::Tensor times = timesteps.size(0) == 1 ? timesteps : repeat_for_frames(timesteps, frames_);
  const at::Tensor channels = low_res_.defined() ? at::cat({x, low_res_.to(x.scalar_type())}, 2) : x;
  return unfold_frames(unet_->forward(fold_frames(channels), times, text_, extras), frames_);
}

}  // namespace cambium::video_ldm
