#pragma once
// What may be added to an image U-Net from outside, without the U-Net knowing what it is: a video model's temporal
// layers (Blattmann et al. 2023, arXiv 2304.08818, section 3.1, figure 4).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace cambium::latent_diffusion {

// One of these serves one forward pass: how many frames the batch folds, the text and the context frames are its own.
// Places are numbered as in places.h. With activation checkpointing the calls run again in the backward pass.
class Injection {
 public:
  virtual ~Injection() = default;

  // Behind residual block `place`. hidden [N, C, h, w], time_embedding [N, 4 C0] (N: frames folded into the batch,
  // frame fastest) -> [N, C, h, w]
  virtual at::Tensor after_residual(int64_t place, const at::Tensor& hidden,
                                    const at::Tensor& time_embedding) const = 0;

  // Behind block `depth` of the transformer `place`, before its projection out. tokens [N, h * w, C] -> the same
  virtual at::Tensor after_attention(int64_t place, int64_t depth, const at::Tensor& tokens) const = 0;

  // The parameters, and any other tensors with gradients, that these calls read there: activation checkpointing must
  // know them.
  virtual std::vector<at::Tensor> residual_parameters(int64_t place) const = 0;
  virtual std::vector<at::Tensor> attention_parameters(int64_t place) const = 0;
};

}  // namespace cambium::latent_diffusion
