#include "models/efficientnet/efficientnet_lite0.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/container/modulelist.h>

#include <array>

#include "core/error.h"
#include "io/weights_file.h"
#include "nn/load.h"

namespace cambium::efficientnet {
namespace {

constexpr double kNormEps = 1e-3;

struct Weight : torch::nn::Module {
  explicit Weight(at::IntArrayRef shape) { weight = register_parameter("weight", at::empty(shape), false); }
  at::Tensor weight;
};

struct Norm : torch::nn::Module {
  explicit Norm(int64_t channels) {
    weight = register_parameter("weight", at::empty({channels}), false);
    bias = register_parameter("bias", at::empty({channels}), false);
    mean = register_buffer("running_mean", at::empty({channels}));
    variance = register_buffer("running_var", at::empty({channels}));
    register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
  }
  at::Tensor weight, bias, mean, variance;
};

struct ConvOptions {
  int64_t in = 0, out = 0, kernel = 1, stride = 1, groups = 1;
};

// One row of the paper's table 1 (B0; the Lite variant keeps its widths).
struct Stage {
  int64_t repeats, kernel, stride, expand, out;
};
constexpr std::array kStages = {Stage{1, 3, 1, 1, 16}, Stage{2, 3, 2, 6, 24},  Stage{2, 5, 2, 6, 40},
                                Stage{3, 3, 2, 6, 80}, Stage{3, 5, 1, 6, 112}, Stage{4, 5, 2, 6, 192},
                                Stage{1, 3, 1, 6, 320}};
constexpr int64_t kStemWidth = 32;

// ReLU6.
at::Tensor activated(const at::Tensor& x) { return x.clamp(0, 6); }

// TensorFlow's SAME: as many outputs as ceil(size / stride), the odd row or column of zeros below and right.
at::Tensor pad_same(const at::Tensor& x, int64_t kernel, int64_t stride) {
  const auto total = [&](int64_t size) {
    return std::max<int64_t>(((size + stride - 1) / stride - 1) * stride + kernel - size, 0);
  };
  const int64_t high = total(x.size(2)), wide = total(x.size(3));
  if (high == 0 && wide == 0) return x;
  return at::constant_pad_nd(x, {wide / 2, wide - wide / 2, high / 2, high - high / 2});
}

}  // namespace

// A convolution without bias and the normalisation behind it, folded into one. Its two modules are siblings in the
// parent's names.
class ConvNorm {
 public:
  ConvNorm(torch::nn::Module& parent, const char* conv, const char* norm, const ConvOptions& options)
      : options_(options),
        conv_(parent.register_module(
            conv, std::make_shared<Weight>(
                      at::IntArrayRef{options.out, options.in / options.groups, options.kernel, options.kernel}))),
        norm_(parent.register_module(norm, std::make_shared<Norm>(options.out))) {}

  // [N, in, H, W] -> [N, out, H / stride, W / stride], rounded up.
  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor scale = norm_->weight / (norm_->variance + kNormEps).sqrt();
    return at::conv2d(pad_same(x, options_.kernel, options_.stride), conv_->weight * scale.view({-1, 1, 1, 1}),
                      norm_->bias - norm_->mean * scale, at::IntArrayRef{options_.stride, options_.stride},
                      at::IntArrayRef{0, 0}, at::IntArrayRef{1, 1}, options_.groups);
  }

 private:
  ConvOptions options_;
  std::shared_ptr<Weight> conv_;
  std::shared_ptr<Norm> norm_;
};

// MobileNetV2's inverted bottleneck: 1x1 to `expand` times the width, depthwise, 1x1 back, and the residual where the
// shape stays.
class Block : public torch::nn::Module {
 public:
  Block(int64_t in, const Stage& stage, int64_t stride) : residual_(stride == 1 && in == stage.out) {
    const int64_t width = in * stage.expand;
    if (stage.expand != 1)
      expand_ = std::make_unique<ConvNorm>(*this, "_expand_conv", "_bn0", ConvOptions{.in = in, .out = width});
    depthwise_ = std::make_unique<ConvNorm>(
        *this, "_depthwise_conv", "_bn1",
        ConvOptions{.in = width, .out = width, .kernel = stage.kernel, .stride = stride, .groups = width});
    project_ = std::make_unique<ConvNorm>(*this, "_project_conv", "_bn2", ConvOptions{.in = width, .out = stage.out});
  }

  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor wide = expand_ ? activated(expand_->forward(x)) : x;
    const at::Tensor out = project_->forward(activated(depthwise_->forward(wide)));
    return residual_ ? out + x : out;
  }

 private:
  bool residual_;
  std::unique_ptr<ConvNorm> expand_, depthwise_, project_;
};

struct EfficientNetLite0::Classifier : torch::nn::Module {
  Classifier() {
    weight = register_parameter("weight", at::empty({kClasses, kFeatures}), false);
    bias = register_parameter("bias", at::empty({kClasses}), false);
  }
  at::Tensor weight, bias;
};

EfficientNetLite0::EfficientNetLite0() {
  stem_ = std::make_unique<ConvNorm>(*this, "_conv_stem", "_bn0",
                                     ConvOptions{.in = 3, .out = kStemWidth, .kernel = 3, .stride = 2});
  const auto list = register_module("_blocks", torch::nn::ModuleList());
  int64_t width = kStemWidth;
  for (const Stage& stage : kStages) {
    for (int64_t i = 0; i < stage.repeats; ++i) {
      blocks_.push_back(std::make_shared<Block>(width, stage, i == 0 ? stage.stride : 1));
      list->push_back(blocks_.back());
      width = stage.out;
    }
  }
  head_ = std::make_unique<ConvNorm>(*this, "_conv_head", "_bn1", ConvOptions{.in = width, .out = kFeatures});
  classifier_ = register_module("_fc", std::make_shared<Classifier>());
}

EfficientNetLite0::~EfficientNetLite0() = default;

std::shared_ptr<EfficientNetLite0> EfficientNetLite0::open(const std::filesystem::path& file, c10::Device device) {
  auto network = std::make_shared<EfficientNetLite0>();
  nn::load_state(*network, io::load_weights(file), {.device = device});
  return network;
}

at::Tensor EfficientNetLite0::features(const at::Tensor& images) const {
  if (images.dim() != 4 || images.size(1) != 3)
    throw Error({.what = "expected images [N, 3, H, W]", .field = "images", .mend = "prepare them first"});
  const at::NoGradGuard no_grad;
  at::Tensor x = activated(stem_->forward(images));
  for (const auto& block : blocks_) x = block->forward(x);
  return activated(head_->forward(x)).mean(at::IntArrayRef{2, 3});
}

at::Tensor EfficientNetLite0::logits(const at::Tensor& images) const {
  const at::NoGradGuard no_grad;
  return at::linear(features(images), classifier_->weight, classifier_->bias);
}

}  // namespace cambium::efficientnet
