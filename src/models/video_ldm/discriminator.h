#pragma once
// The discriminator that the temporal decoder is trained against: patches of videos, by convolutions over space and
// time (section 3.2.2 names one and does not describe it; this one is ours, after the image autoencoder's patch
// discriminator).
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/group_norm.h"

namespace cambium::video_ldm {

struct DiscriminatorOptions {
  int64_t channels = 3;
  std::vector<int64_t> widths = {64, 128, 256};  // each halves the sides
  int64_t norm_groups = 32;

  // UsageError: no widths, or groups that do not divide those behind the first.
  void validate() const;
  // The smallest side of frames that the layers can halve and still judge.
  int64_t smallest_side() const;
};

// layers.{0,1,...}: a (3, 4, 4) convolution with stride (1, 2, 2) and leaky ReLU (0.2) for each width, from the second
// on without bias and with GroupNorm between; then a (3, 4, 4) convolution to one channel.
class Discriminator : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  explicit Discriminator(const DiscriminatorOptions& options);

  // videos [b, 3, t, h, w] in [-1, 1] -> logits [b, 1, t, h', w'], large where a patch looks real. Error where frames
  // are too small.
  at::Tensor forward(const at::Tensor& videos) const;

  // The patch discriminator's: convolutions from N(0, 0.02), gains of norms from N(1, 0.02), biases 0.
  void initialize(at::Generator& generator);

 private:
  // A convolution, and the norm behind it (or null).
  struct Layer {
    at::Tensor weight, bias;  // [out, in, 3, 4, 4], [out] or undefined
    std::shared_ptr<nn::GroupNorm> norm;
  };
  void add_convolution(int64_t in, int64_t out, bool bias);

  DiscriminatorOptions options_;
  std::vector<Layer> layers_;
  int64_t registered_ = 0;
};

}  // namespace cambium::video_ldm
