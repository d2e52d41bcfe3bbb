#pragma once
// Several bias-free linear layers of one input as one packed product, where no gradient is wanted.
#include <ATen/core/Tensor.h>

#include <array>
#include <mutex>

#include "nn/kernels/packed_linear.h"
#include "nn/kernels/weight_stamp.h"
#include "nn/linear.h"

namespace cambium::nn {

// Holds the packed copy of the weights, made at first use and again when one of them has changed. Safe to call from
// several threads.
class JointProjection {
 public:
  using Layers = std::array<const Linear*, 3>;

  // Whether it takes this input to these layers: no recorded gradient, no bias, no delta.
  static bool takes(const at::Tensor& x, const Layers& layers);

  // x [..., in] -> [..., the layers' outputs one behind the other]
  at::Tensor forward(const at::Tensor& x, const Layers& layers);

 private:
  // The weights as one, whose contents were given up for the packed copy.
  at::Tensor joined(const at::Tensor& x, const Layers& layers);

  std::mutex mutex_;
  std::array<kernels::WeightStamp, 3> stamps_;
  at::Tensor weight_;
  kernels::PackedLinear packed_;
};

}  // namespace cambium::nn
