#include "models/video_ldm/discriminator.h"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/leaky_relu.h>

#include "core/error.h"
#include "core/random.h"
#include "nn/module_path.h"

namespace cambium::video_ldm {

void DiscriminatorOptions::validate() const {
  if (widths.empty()) throw UsageError({.what = "there are no widths", .field = "discriminator.widths"});
  for (size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] < 1 || (i > 0 && (norm_groups < 1 || widths[i] % norm_groups != 0)))
      throw UsageError(
          {.what = std::to_string(norm_groups) + " groups do not divide " + std::to_string(widths[i]) + " channels",
           .field = "discriminator.widths",
           .mend = "give multiples of norm_groups"});
  }
}

int64_t DiscriminatorOptions::smallest_side() const {
  // The last convolution needs 2 pixels (4 with its padding); each one before it makes 2 of 1.
  return int64_t{2} << widths.size();
}

void Discriminator::add_convolution(int64_t in, int64_t out, bool bias) {
  torch::nn::Module& at = nn::module_at(*this, "layers." + std::to_string(registered_++));
  Layer layer;
  layer.weight = at.register_parameter("weight", at::empty({out, in, 3, 4, 4}));
  if (bias) layer.bias = at.register_parameter("bias", at::empty({out}));
  layers_.push_back(std::move(layer));
}

Discriminator::Discriminator(const DiscriminatorOptions& options) : options_(options) {
  options.validate();
  int64_t width = options.channels;
  for (size_t i = 0; i < options.widths.size(); ++i) {
    add_convolution(width, options.widths[i], /*bias=*/i == 0);
    width = options.widths[i];
    if (i > 0)
      layers_.back().norm = nn::register_at(
          *this, "layers." + std::to_string(registered_++),
          std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{.groups = options.norm_groups, .channels = width}));
  }
  add_convolution(width, 1, /*bias=*/true);
}

at::Tensor Discriminator::forward(const at::Tensor& videos) const {
  const int64_t least = options_.smallest_side();
  if (videos.dim() != 5 || videos.size(1) != options_.channels || videos.size(3) < least || videos.size(4) < least)
    throw Error({.what = "the discriminator takes [b, " + std::to_string(options_.channels) +
                         ", t, h, w] with sides of at least " + std::to_string(least) + ", got " +
                         c10::str(videos.sizes()),
                 .field = "videos"});
  at::Tensor x = videos;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const bool last = i + 1 == layers_.size();
    const int64_t stride = last ? 1 : 2;
    x = at::conv3d(x, layer.weight, layer.bias, {1, stride, stride}, {1, 1, 1});
    if (layer.norm) x = layer.norm->forward(x);
    if (!last) x = at::leaky_relu(x, 0.2);
  }
  return x;
}

void Discriminator::initialize(at::Generator& generator) {
  const at::NoGradGuard no_grad;
  for (Layer& layer : layers_) {
    normal_(layer.weight, 0, 0.02, generator);
    if (layer.bias.defined()) layer.bias.zero_();
    if (!layer.norm) continue;
    normal_(layer.norm->weight, 1, 0.02, generator);
    layer.norm->bias.zero_();
  }
}

}  // namespace cambium::video_ldm
