#include "models/sam/tiny_vit_stages.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <map>

#include "core/random.h"
#include "models/sam/windows.h"
#include "nn/activation.h"

namespace cambium::sam {
namespace {

constexpr double kNormEps = 1e-5;

at::Tensor activated(const at::Tensor& x) { return nn::activate(x, nn::Activation::gelu); }

Conv2dOptions depthwise(int64_t width, int64_t stride) {
  return {.in = width, .out = width, .kernel = 3, .stride = stride, .padding = 1, .groups = width};
}

}  // namespace

struct ConvNorm::Norm : torch::nn::Module {
  explicit Norm(int64_t channels) {
    weight = register_parameter("weight", at::empty({channels}));
    bias = register_parameter("bias", at::empty({channels}));
    mean = register_buffer("running_mean", at::zeros({channels}));
    variance = register_buffer("running_var", at::ones({channels}));
    register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
  }
  at::Tensor weight, bias, mean, variance;
};

ConvNorm::ConvNorm(Conv2dOptions options) {
  options.bias = false;
  c_ = register_module("c", std::make_shared<Conv2d>(options));
  bn_ = register_module("bn", std::make_shared<Norm>(options.out));
}

at::Tensor ConvNorm::forward(const at::Tensor& x) const {
  const at::Tensor scale = bn_->weight / (bn_->variance + kNormEps).sqrt();
  const at::Tensor weight = c_->weight.to(scale.scalar_type()) * scale.view({-1, 1, 1, 1});
  return convolve(x, weight, bn_->bias - bn_->mean * scale, c_->options());
}

void ConvNorm::initialize(at::Generator& generator) {
  const at::NoGradGuard no_grad;
  c_->initialize(generator);
  bn_->weight.fill_(1);
  bn_->bias.zero_();
}

TinyViTMerging::TinyViTMerging(int64_t in, int64_t out, int64_t stride) {
  conv1_ = register_module("conv1", std::make_shared<ConvNorm>(Conv2dOptions{.in = in, .out = out}));
  conv2_ = register_module("conv2", std::make_shared<ConvNorm>(depthwise(out, stride)));
  conv3_ = register_module("conv3", std::make_shared<ConvNorm>(Conv2dOptions{.in = out, .out = out}));
}

at::Tensor TinyViTMerging::forward(const at::Tensor& x) const {
  return conv3_->forward(activated(conv2_->forward(activated(conv1_->forward(x)))));
}

void TinyViTMerging::initialize(at::Generator& generator) {
  for (const auto& convolution : {conv1_, conv2_, conv3_}) convolution->initialize(generator);
}

// 1x1 to four times the width, 3x3 depthwise, 1x1 back, and the residual (MobileNetV2).
class InvertedBottleneck : public torch::nn::Module {
 public:
  explicit InvertedBottleneck(int64_t width) {
    const int64_t hidden = 4 * width;
    conv1_ = register_module("conv1", std::make_shared<ConvNorm>(Conv2dOptions{.in = width, .out = hidden}));
    conv2_ = register_module("conv2", std::make_shared<ConvNorm>(depthwise(hidden, 1)));
    conv3_ = register_module("conv3", std::make_shared<ConvNorm>(Conv2dOptions{.in = hidden, .out = width}));
  }
  at::Tensor forward(const at::Tensor& x) const {
    return activated(x + conv3_->forward(activated(conv2_->forward(activated(conv1_->forward(x))))));
  }
  void initialize(at::Generator& generator) {
    for (const auto& convolution : {conv1_, conv2_, conv3_}) convolution->initialize(generator);
  }

 private:
  std::shared_ptr<ConvNorm> conv1_, conv2_, conv3_;
};

// Attention within a window, with a learned bias for every distance |dy|, |dx|.
class TinyViTAttention : public torch::nn::Module {
 public:
  TinyViTAttention(int64_t width, int64_t heads, int64_t window) : heads_(heads) {
    // Distances are numbered in the order in which pairs of positions, taken row by row, first show them.
    std::map<std::pair<int64_t, int64_t>, int64_t> numbers;
    std::vector<int64_t> index;
    const int64_t tokens = window * window;
    for (int64_t a = 0; a < tokens; ++a) {
      for (int64_t b = 0; b < tokens; ++b) {
        const std::pair distance{std::abs(a / window - b / window), std::abs(a % window - b % window)};
        index.push_back(numbers.try_emplace(distance, static_cast<int64_t>(numbers.size())).first->second);
      }
    }
    index_ = at::tensor(index, at::kLong);
    biases_ = register_parameter("attention_biases", at::empty({heads, static_cast<int64_t>(numbers.size())}));
    norm_ = register_module("norm", std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = width}));
    qkv_ = register_module("qkv", std::make_shared<nn::Linear>(nn::LinearOptions{.in = width, .out = 3 * width}));
    proj_ = register_module("proj", std::make_shared<nn::Linear>(nn::LinearOptions{.in = width, .out = width}));
  }

  // windows [N, S, S, C] -> [N, S, S, C]
  at::Tensor forward(const at::Tensor& x) const {
    const int64_t count = x.size(0), tokens = x.size(1) * x.size(2);
    // Each head's q, k and v lie together.
    const auto parts =
        qkv_->forward(norm_->forward(x)).view({count, tokens, heads_, 3, -1}).permute({3, 0, 2, 1, 4}).unbind(0);
    const at::Tensor bias =
        biases_.to(x.scalar_type()).index_select(1, index_.to(biases_.device())).view({1, heads_, tokens, tokens});
    const at::Tensor y = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], bias);  // [N, heads, T, D]
    return proj_->forward(y.transpose(1, 2).reshape(x.sizes()));
  }

  void initialize(at::Generator& generator) {
    const at::NoGradGuard no_grad;
    biases_.zero_();
    initialize_norm(*norm_);
    initialize_linear(*qkv_, generator);
    initialize_linear(*proj_, generator);
  }

 private:
  int64_t heads_;
  at::Tensor index_;   // [T * T], which distance each pair has
  at::Tensor biases_;  // [heads, distances]
  std::shared_ptr<nn::LayerNorm> norm_;
  std::shared_ptr<nn::Linear> qkv_, proj_;
};

class TinyViTMlp : public torch::nn::Module {
 public:
  explicit TinyViTMlp(int64_t width) {
    norm_ = register_module("norm", std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = width}));
    fc1_ = register_module("fc1", std::make_shared<nn::Linear>(nn::LinearOptions{.in = width, .out = 4 * width}));
    fc2_ = register_module("fc2", std::make_shared<nn::Linear>(nn::LinearOptions{.in = 4 * width, .out = width}));
  }
  // forward(x) + x
  at::Tensor forward_residual(const at::Tensor& x) const {
    return fc2_->forward_add(fc1_->forward(norm_->forward(x), nn::Activation::gelu), x);
  }
  void initialize(at::Generator& generator) {
    initialize_norm(*norm_);
    initialize_linear(*fc1_, generator);
    initialize_linear(*fc2_, generator);
  }

 private:
  std::shared_ptr<nn::LayerNorm> norm_;
  std::shared_ptr<nn::Linear> fc1_, fc2_;
};

class TinyViTBlock : public torch::nn::Module {
 public:
  TinyViTBlock(int64_t width, int64_t heads, int64_t window) : window_(window) {
    attn_ = register_module("attn", std::make_shared<TinyViTAttention>(width, heads, window));
    mlp_ = register_module("mlp", std::make_shared<TinyViTMlp>(width));
    local_conv_ = register_module("local_conv", std::make_shared<ConvNorm>(depthwise(width, 1)));
  }
  // x [B, C, H, W] -> the same, channels-last in memory
  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor rows = x.permute({0, 2, 3, 1});  // [B, H, W, C]
    const at::Tensor windows = window_partition(rows, window_);
    const at::Tensor y = rows + window_unpartition(attn_->forward(windows), rows.size(1), rows.size(2));
    return mlp_->forward_residual(local_conv_->forward(y.permute({0, 3, 1, 2})).permute({0, 2, 3, 1}))
        .permute({0, 3, 1, 2});
  }
  void initialize(at::Generator& generator) {
    attn_->initialize(generator);
    mlp_->initialize(generator);
    local_conv_->initialize(generator);
  }

 private:
  int64_t window_;
  std::shared_ptr<TinyViTAttention> attn_;
  std::shared_ptr<TinyViTMlp> mlp_;
  std::shared_ptr<ConvNorm> local_conv_;
};

ConvStage::ConvStage(int64_t depth, int64_t width, TinyViTStageEnd end) {
  auto blocks = std::make_shared<torch::nn::Module>("blocks");
  for (int64_t i = 0; i < depth; ++i) {
    blocks_.push_back(blocks->register_module(std::to_string(i), std::make_shared<InvertedBottleneck>(width)));
  }
  register_module("blocks", blocks);
  downsample_ = register_module("downsample", std::make_shared<TinyViTMerging>(width, end.out, end.stride));
}

ConvStage::~ConvStage() = default;

at::Tensor ConvStage::forward(const at::Tensor& x) const {
  at::Tensor y = x;
  for (const auto& block : blocks_) y = block->forward(y);
  return downsample_->forward(y);
}

void ConvStage::initialize(at::Generator& generator) {
  for (const auto& block : blocks_) block->initialize(generator);
  downsample_->initialize(generator);
}

AttentionStage::AttentionStage(const AttentionStageOptions& o) {
  auto blocks = std::make_shared<torch::nn::Module>("blocks");
  for (int64_t i = 0; i < o.depth; ++i) {
    blocks_.push_back(
        blocks->register_module(std::to_string(i), std::make_shared<TinyViTBlock>(o.width, o.heads, o.window)));
  }
  register_module("blocks", blocks);
  if (o.end) {
    downsample_ = register_module("downsample", std::make_shared<TinyViTMerging>(o.width, o.end->out, o.end->stride));
  }
}

AttentionStage::~AttentionStage() = default;

at::Tensor AttentionStage::forward(const at::Tensor& x) const {
  at::Tensor y = x;
  for (const auto& block : blocks_) y = block->forward(y);
  return downsample_ ? downsample_->forward(y) : y;
}

void AttentionStage::initialize(at::Generator& generator) {
  for (const auto& block : blocks_) block->initialize(generator);
  if (downsample_) downsample_->initialize(generator);
}

}  // namespace cambium::sam
