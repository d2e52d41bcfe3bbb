#pragma once
// The small layers of SAM's convolutional parts. Weights are allocated, not filled; they are cast to the input's dtype.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace cambium::sam {

struct Conv2dOptions {
  int64_t in = 0, out = 0, kernel = 1;
  int64_t stride = 1, padding = 0, groups = 1;
  bool bias = true;
};

// x [B, in, H, W], weight [out, in / groups, K, K], bias [out] or undefined -> [B, out, H', W'], channels-last in
// memory
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const Conv2dOptions& options);

class Conv2d : public torch::nn::Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);

  at::Tensor forward(const at::Tensor& x) const { return convolve(x, weight, bias, options_); }
  // PyTorch's default: uniform within fan_in^-1/2.
  void initialize(at::Generator& generator);

  const Conv2dOptions& options() const { return options_; }

  at::Tensor weight;  // [out, in / groups, K, K]
  at::Tensor bias;    // [out], or undefined

 private:
  Conv2dOptions options_;
};

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

// Rows of learned vectors.
class Embedding : public torch::nn::Module {
 public:
  Embedding(int64_t rows, int64_t width);
  // N(0, 1), PyTorch's default.
  void initialize(at::Generator& generator);

  at::Tensor weight;  // [rows, width]
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

// PyTorch's default for nn.Linear: weight and bias uniform within fan_in^-1/2.
void initialize_linear(nn::Linear& layer, at::Generator& generator);
// Ones and zeros.
void initialize_norm(nn::LayerNorm& norm);

}  // namespace cambium::sam
