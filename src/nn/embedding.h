#pragma once
// Rows of learned vectors.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace cambium::nn {

class Embedding : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  Embedding(int64_t rows, int64_t width);
  // indices [...] int64 -> [..., width]. Error where an index is not below the number of rows (on the CPU).
  at::Tensor forward(const at::Tensor& indices) const;
  // N(0, 1), PyTorch's default.
  void initialize(at::Generator& generator);

  at::Tensor weight;  // [rows, width]
};

}  // namespace cambium::nn
