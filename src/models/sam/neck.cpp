#include "models/sam/neck.h"

namespace cambium::sam {

Neck::Neck(int64_t in, int64_t out) {
  reduce_ = register_module("0", std::make_shared<Conv2d>(Conv2dOptions{.in = in, .out = out, .bias = false}));
  norm1_ = register_module("1", std::make_shared<LayerNorm2d>(out));
  mix_ = register_module(
      "2", std::make_shared<Conv2d>(Conv2dOptions{.in = out, .out = out, .kernel = 3, .padding = 1, .bias = false}));
  norm2_ = register_module("3", std::make_shared<LayerNorm2d>(out));
}

at::Tensor Neck::forward(const at::Tensor& tokens) const {
  const at::Tensor x = norm1_->forward_image(reduce_->forward(tokens.permute({0, 3, 1, 2})));
  return norm2_->forward_image(mix_->forward(x));
}

void Neck::initialize(at::Generator& generator) {
  for (const auto& convolution : {reduce_, mix_}) convolution->initialize(generator);
  for (const auto& norm : {norm1_, norm2_}) initialize_norm(*norm);
}

}  // namespace cambium::sam
