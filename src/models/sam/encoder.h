#pragma once
// What the rest of SAM needs of an image encoder, whichever it is.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace cambium::sam {

struct ImageFeatures {
  at::Tensor embedding;   // [B, C, h, w], channels-last in memory
  at::Tensor early = {};  // [B, h, w, W] after the first global block, for HQ-SAM's decoder; undefined where not wanted
};

class Encoder : public torch::nn::Module {
 public:
  // image [B, 3, H, W], normalised (kPixelMean, kPixelStd) and padded, in the dtype to compute in. H and W are
  // multiples of the patch size; Error otherwise.
  virtual ImageFeatures encode(const at::Tensor& image, bool early = false) = 0;
  // Fills the weights as the paper does before training.
  virtual void initialize(at::Generator& generator) = 0;
  // Recompute each block's activations in the backward pass.
  virtual void set_checkpointing(bool on) = 0;
};

}  // namespace cambium::sam
