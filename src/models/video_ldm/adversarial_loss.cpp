#include "models/video_ldm/adversarial_loss.h"

#include <ATen/ops/relu.h>
#include <torch/csrc/autograd/autograd.h>

namespace cambium::video_ldm {

namespace {

at::Tensor gradient_norm(const at::Tensor& loss, const at::Tensor& at) {
  return torch::autograd::grad({loss}, {at}, /*grad_outputs=*/{}, /*retain_graph=*/true).front().norm();
}

}  // namespace

at::Tensor reconstruction_loss(const at::Tensor& reconstruction, const at::Tensor& target) {
  return (reconstruction - target).abs().sum() / target.size(0);
}

at::Tensor generator_loss(const at::Tensor& fake) { return -fake.mean(); }

at::Tensor hinge_loss(const at::Tensor& real, const at::Tensor& fake) {
  return 0.5 * (at::relu(1 - real).mean() + at::relu(1 + fake).mean());
}

at::Tensor adaptive_weight(const at::Tensor& first, const at::Tensor& second, const at::Tensor& at) {
  return (gradient_norm(first, at) / (gradient_norm(second, at) + 1e-4)).clamp(0, 1e4).detach();
}

DecoderLoss decoder_loss(const at::Tensor& reconstruction, const at::Tensor& target, const at::Tensor& fake,
                         const at::Tensor& last_weight, const DecoderLossOptions& options) {
  DecoderLoss loss{.reconstruction = reconstruction_loss(reconstruction, target), .adversarial = generator_loss(fake)};
  loss.weight = options.adversarial * adaptive_weight(loss.reconstruction, loss.adversarial, last_weight);
  loss.total = loss.reconstruction + options.factor * loss.weight * loss.adversarial;
  return loss;
}

}  // namespace cambium::video_ldm
