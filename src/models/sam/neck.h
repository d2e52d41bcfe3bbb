#pragma once
// What brings an encoder's tokens to the decoder's width: two convolutions, each with a norm over the channels
// (ViTDet).
#include <memory>

#include "models/sam/layers.h"

namespace cambium::sam {

class Neck : public torch::nn::Module {
 public:
  Neck(int64_t in, int64_t out);

  // tokens [B, H, W, in] -> [B, out, H, W], channels-last in memory
  at::Tensor forward(const at::Tensor& tokens) const;
  void initialize(at::Generator& generator);

 private:
  std::shared_ptr<Conv2d> reduce_, mix_;
  std::shared_ptr<LayerNorm2d> norm1_, norm2_;
};

}  // namespace cambium::sam
