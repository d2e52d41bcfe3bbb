#pragma once
// The learned downsampling of given frames (section 3.2, Eq. 3; its layers are our definition: the paper names none).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "nn/conv2d.h"

namespace cambium::video_ldm {

struct ContextEncoderOptions {
  int64_t in = 5;  // channels of c_S: the latent's and the mask
  int64_t width = 0;
  int64_t levels = 1;
};

// convs.0 keeps the resolution, every further one halves it, a level of the U-Net each; SiLU behind each.
class ContextEncoder : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit ContextEncoder(const ContextEncoderOptions& options);

  // context [b * t, in, h, w] -> one [b * t, width, h / 2^l, w / 2^l] a level l, odd sides rounded up
  std::vector<at::Tensor> forward(const at::Tensor& context) const;

 private:
  std::vector<std::shared_ptr<nn::Conv2d>> convs_;
};

}  // namespace cambium::video_ldm
