#include "models/sam/layers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/relu.h>

namespace cambium::sam {

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out) : in_(in), out_(out) {
  weight = register_parameter("weight", at::empty({in, out, 2, 2}));
  bias = register_parameter("bias", at::empty({out}));
}

at::Tensor ConvTranspose2d::rows() const { return weight.permute({2, 3, 1, 0}).reshape({4 * out_, in_}); }

std::shared_ptr<nn::Linear> ConvTranspose2d::as_linear() const {
  auto linear = std::make_shared<nn::Linear>(nn::LinearOptions{.in = in_, .out = 4 * out_});
  linear->weight.set_requires_grad(false).set_data(rows().detach());
  linear->bias.set_requires_grad(false).set_data(bias.repeat({4}).detach());
  return linear;
}

at::Tensor ConvTranspose2d::forward(const at::Tensor& x) const {
  auto shape = x.sizes().vec();
  shape.back() = 2;
  shape.insert(shape.end(), {2, out_});
  return nn::linear(x, rows(), bias.repeat({4})).view(shape);  // [..., 2, 2, out]
}

void ConvTranspose2d::initialize(at::Generator& generator) {
  // PyTorch takes the fan-in from dimension 1 here too, which is the number of outputs.
  nn::initialize_uniform(weight, bias, out_ * 4, generator);
}

at::Tensor pixel_rows(const at::Tensor& x, at::ScalarType dtype) { return nn::pixel_rows(x.to(dtype)); }

at::Tensor untile(const at::Tensor& x) {
  const int64_t batch = x.size(0), height = x.size(1), width = x.size(2), channels = x.size(5);
  return x.permute({0, 1, 3, 2, 4, 5}).reshape({batch, 2 * height, 2 * width, channels});
}

MlpHead::MlpHead(int64_t in, int64_t hidden, int64_t out, int64_t depth) {
  auto layers = std::make_shared<torch::nn::Module>("layers");
  for (int64_t i = 0; i < depth; ++i) {
    layers_.push_back(layers->register_module(
        std::to_string(i), std::make_shared<nn::Linear>(
                               nn::LinearOptions{.in = i == 0 ? in : hidden, .out = i + 1 == depth ? out : hidden})));
  }
  register_module("layers", layers);
}

at::Tensor MlpHead::forward(at::Tensor x) const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->forward(x);
    if (i + 1 < layers_.size()) x = at::relu(x);
  }
  return x;
}

void MlpHead::initialize(at::Generator& generator) {
  for (const auto& layer : layers_) initialize_linear(*layer, generator);
}

}  // namespace cambium::sam
