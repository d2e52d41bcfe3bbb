#include "nn/joint_projection.h"

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include "nn/gradient_recorded.h"

namespace cambium::nn {

bool JointProjection::takes(const at::Tensor& x, const Layers& layers) {
  if (!kernels::onednn_takes(x)) return false;
  for (const Linear* layer : layers)
    if (layer->delta() || layer->bias.defined() || gradient_recorded(x, layer->weight)) return false;
  return true;
}

at::Tensor JointProjection::joined(const at::Tensor& x, const Layers& layers) {
  std::array<kernels::WeightStamp, 3> stamps;
  for (size_t i = 0; i < layers.size(); ++i) stamps[i] = kernels::stamp_of(layers[i]->weight);
  if (weight_.defined() && stamps == stamps_ && weight_.scalar_type() == x.scalar_type()) return weight_;
  const c10::InferenceMode no_inference(false);
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  for (const Linear* layer : layers) {
    kernels::require_contents(layer->weight);
    parts.push_back(layer->weight.detach().to(x.scalar_type()));
  }
  weight_ = at::cat(parts, 0);
  stamps_ = stamps;
  return weight_;
}

at::Tensor JointProjection::forward(const at::Tensor& x, const Layers& layers) {
  const std::lock_guard lock(mutex_);
  const at::Tensor weight = joined(x, layers);
  const bool give_up_all = kernels::KeepPackedOnly::active() && !kernels::is_given_up(layers[0]->weight);
  const kernels::KeepPackedOnly keep;  // of the joined weight nobody needs the row-major form
  const at::Tensor y = packed_.forward(x, weight, {}, kernels::Fuse::none);
  if (give_up_all) {
    for (size_t i = 0; i < layers.size(); ++i) {
      kernels::give_up(layers[i]->weight);
      stamps_[i] = kernels::stamp_of(layers[i]->weight);
    }
  }
  return y;
}

}  // namespace cambium::nn
