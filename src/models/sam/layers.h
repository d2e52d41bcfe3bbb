#pragma once
// The small layers of SAM's convolutional parts. Weights are allocated, not filled; they are cast to the input's dtype.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "nn/conv2d.h"
#include "nn/embedding.h"
#include "nn/initialize.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace cambium::sam {

using nn::Conv2d;
using nn::Conv2dOptions;
using nn::convolve;
using nn::Embedding;
using nn::initialize_linear;
using nn::initialize_norm;

// A transposed convolution with kernel = stride = 2: every pixel becomes 2 x 2, and no two outputs overlap, so it is a
// product.
class ConvTranspose2d : public torch::nn::Module {
 public:
  ConvTranspose2d(int64_t in, int64_t out);

  // Pixels as rows, each pixel's 2 x 2 kept together (see `untile`). x [..., in] -> [..., 2, 2, out]
  at::Tensor forward(const at::Tensor& x) const;
  // The product alone, with a copy of the weights and without gradients, to be kept over many calls. in -> 4 * out
  std::shared_ptr<nn::Linear> as_linear() const;
  void initialize(at::Generator& generator);

  at::Tensor weight;  // [in, out, 2, 2]
  at::Tensor bias;    // [out]

 private:
  at::Tensor rows() const;  // (row, column, out) by in

  int64_t in_, out_;
};

// [B, C, h, w] -> [B, h * w, C] in `dtype`; a view of what is channels-last.
at::Tensor pixel_rows(const at::Tensor& x, at::ScalarType dtype);

// Puts each pixel's 2 x 2 in its place. x [B, H, W, 2, 2, C] -> [B, 2H, 2W, C], contiguous
at::Tensor untile(const at::Tensor& x);

// Layer normalisation over the channels of each pixel, eps 1e-6, computed in float32.
class LayerNorm2d : public nn::LayerNorm {
 public:
  explicit LayerNorm2d(int64_t channels) : nn::LayerNorm({.width = channels, .eps = 1e-6}) {}

  // x [B, C, H, W] -> the same, channels-last in memory. Pixels as rows [..., C] go through nn::LayerNorm::forward.
  at::Tensor forward_image(const at::Tensor& x) const { return forward(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2}); }
};

// Linear layers with ReLU between them, named layers.0, layers.1, ...
class MlpHead : public torch::nn::Module {
 public:
  MlpHead(int64_t in, int64_t hidden, int64_t out, int64_t depth);

  // x [..., in] -> [..., out]
  at::Tensor forward(at::Tensor x) const;
  void initialize(at::Generator& generator);

 private:
  std::vector<std::shared_ptr<nn::Linear>> layers_;
};

}  // namespace cambium::sam
