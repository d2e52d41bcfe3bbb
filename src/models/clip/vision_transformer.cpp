#include "models/clip/vision_transformer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/zeros.h>

#include "core/error.h"
#include "core/random.h"
#include "io/dtype.h"

namespace cambium::clip {
at::Tensor sincos_pos_embed(int64_t grid, int64_t width, bool class_token) {
  const int64_t bands = width / 4;
  const at::Tensor omega = at::pow(10000.0, at::arange(bands, at::kFloat) / static_cast<double>(bands)).reciprocal_();
  const at::Tensor place = at::arange(grid, at::kFloat).unsqueeze(1) * omega;  // [G, W/4]
  const at::Tensor line = at::cat({place.sin(), place.cos()}, 1);              // [G, W/2]
  const at::Tensor rows = line.unsqueeze(1).expand({grid, grid, 2 * bands});   // the row index first
  const at::Tensor columns = line.unsqueeze(0).expand({grid, grid, 2 * bands});
  const at::Tensor patches = at::cat({rows, columns}, 2).reshape({1, grid * grid, width});  // [1, G * G, W]
  return class_token ? at::cat({at::zeros({1, 1, width}), patches}, 1) : patches;
}

// A convolution's weight and bias under the checkpoint's names.
struct PatchEmbed::Convolution : torch::nn::Module {
  Convolution(int64_t in, int64_t out, int64_t kernel, bool with_bias) {
    weight = register_parameter("weight", at::empty({out, in, kernel, kernel}));
    if (with_bias) bias = register_parameter("bias", at::empty({out}));
  }
  at::Tensor weight, bias;
};

PatchEmbed::PatchEmbed(const VisionTransformerOptions& options) : options_(options) {
  int64_t channels = 3;
  if (!options.conv_stem.empty()) {
    auto stem = std::make_shared<torch::nn::Module>("stem"), norms = std::make_shared<torch::nn::Module>("stem_norm");
    for (const int64_t width : options.conv_stem) {
      const std::string index = std::to_string(layers_.size());
      layers_.push_back(stem->register_module(index, std::make_shared<Convolution>(channels, width, 3, true)));
      norms_.push_back(
          norms->register_module(index, std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = width})));
      channels = width;
    }
    register_module("stem", stem);
    register_module("stem_norm", norms);
  }
  const int64_t kernel = options.conv_stem.empty() ? options.patch : 3;
  layers_.push_back(
      register_module("proj", std::make_shared<Convolution>(channels, options.width, kernel, options.patch_bias)));
}

at::Tensor PatchEmbed::forward(const at::Tensor& images) const {
  const int64_t batch = images.size(0), grid = options_.grid(), patch = options_.patch;
  const Convolution& proj = *layers_.back();
  if (layers_.size() == 1) {
    const at::Tensor patches = images.reshape({batch, 3, grid, patch, grid, patch})
                                   .permute({0, 2, 4, 1, 3, 5})
                                   .reshape({batch, grid * grid, 3 * patch * patch});  // [B, G * G, 3 P P]
    return nn::linear(patches, proj.weight.flatten(1), proj.bias);                     // [B, G * G, W]
  }
  at::Tensor x = images.contiguous(at::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto dtype = x.scalar_type();
    const Convolution& layer = *layers_[i];
    x = at::conv2d(x, layer.weight.to(dtype), layer.bias.defined() ? layer.bias.to(dtype) : at::Tensor(), 2, 1);
    if (i + 1 == layers_.size()) break;
    // Over the channels of each place: channels-last pixels are rows, so nothing is moved.
    x = nn::activate(norms_[i]->forward(x.permute({0, 2, 3, 1})), nn::Activation::gelu).permute({0, 3, 1, 2});
  }
  return x.flatten(2).transpose(1, 2);  // [B, G * G, W]
}

void PatchEmbed::initialize(at::Generator& generator) {
  const at::NoGradGuard guard;
  for (const auto& norm : norms_) {
    norm->weight.fill_(1);
    norm->bias.zero_();
  }
  for (const auto& layer : layers_) {
    kaiming_uniform_default_(layer->weight, generator);
    if (!layer->bias.defined()) continue;
    const double bound = 1.0 / std::sqrt(static_cast<double>(layer->weight.numel() / layer->weight.size(0)));
    uniform_(layer->bias, -bound, bound, generator);
  }
}

VisionTransformer::VisionTransformer(const VisionTransformerOptions& options) : options_(options) {
  options.validate();
  const bool token = options.pool == Pool::token, fixed = options.pos_embed == PosEmbed::fixed_sincos;
  if (token) cls_token_ = register_parameter("cls_token", at::empty({1, 1, options.width}));
  pos_embed_ = register_parameter(
      "pos_embed",
      fixed ? sincos_pos_embed(options.grid(), options.width, token) : at::empty({1, options.tokens(), options.width}),
      /*requires_grad=*/!fixed);
  patch_embed_ = register_module("patch_embed", std::make_shared<PatchEmbed>(options));
  const auto norm = [&](const char* name) {
    return register_module(name, std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = options.width}));
  };
  if (options.pre_norm) norm_pre_ = norm("norm_pre");
  auto blocks = std::make_shared<torch::nn::Module>("blocks");
  for (int64_t i = 0; i < options.depth; ++i) {
    blocks_.push_back(blocks->register_module(std::to_string(i),
                                              std::make_shared<Block>(BlockOptions{.width = options.width,
                                                                                   .heads = options.heads,
                                                                                   .hidden = options.hidden(),
                                                                                   .activation = options.activation})));
  }
  register_module("blocks", blocks);
  norm_ = norm(token ? "norm" : "fc_norm");
}

at::Tensor VisionTransformer::embed(const at::Tensor& images) {
  const int64_t size = options_.image_size;
  if (images.dim() != 4 || images.size(1) != 3 || images.size(2) != size || images.size(3) != size) {
    throw Error({.what = "expected images of shape [B, 3, " + std::to_string(size) + ", " + std::to_string(size) +
                         "], got " + io::shape_text(images.sizes())});
  }
  const auto dtype = images.scalar_type();
  at::Tensor x = patch_embed_->forward(images);                                                     // [B, G * G, W]
  if (cls_token_.defined()) x = at::cat({cls_token_.to(dtype).expand({x.size(0), -1, -1}), x}, 1);  // [B, T, W]
  x = x + pos_embed_.to(dtype);
  return norm_pre_ ? norm_pre_->forward(x) : x;
}

at::Tensor VisionTransformer::forward_tokens(const at::Tensor& images) {
  return run_blocks(blocks_, embed(images), options_.checkpointing);
}

at::Tensor VisionTransformer::forward(const at::Tensor& images) {
  if (options_.pool == Pool::average) return norm_->forward(forward_tokens(images).mean(1));  // [B, W]
  // Only the class token leaves the tower, so the last block computes nothing else.
  const at::Tensor x = run_blocks(std::span(blocks_).first(blocks_.size() - 1), embed(images), options_.checkpointing);
  return norm_->forward(blocks_.back()->forward_at(x, {}).squeeze(1));  // [B, W]
}

void VisionTransformer::initialize(at::Generator& generator) {
  if (cls_token_.defined()) normal_(cls_token_, 0, 1e-6, generator);
  if (options_.pos_embed == PosEmbed::learned) trunc_normal_(pos_embed_, 0, 0.02, -2, 2, generator);
  patch_embed_->initialize(generator);
  const at::NoGradGuard no_grad;
  const auto fill_norm = [](nn::LayerNorm& norm) {
    norm.weight.fill_(1);
    norm.bias.zero_();
  };
  if (norm_pre_) fill_norm(*norm_pre_);
  for (const auto& block : blocks_) {
    fill_norm(*block->norm1());
    fill_norm(*block->norm2());
    for (const auto& layer :
         {block->attention()->qkv(), block->attention()->proj(), block->mlp()->first(), block->mlp()->second()}) {
      trunc_normal_(layer->weight, 0, 0.02, -2, 2, generator);
      layer->bias.zero_();
    }
  }
  fill_norm(*norm_);
}

}  // namespace cambium::clip
