#include "models/sam/tiny_vit.h"

#include "core/error.h"
#include "io/dtype.h"
#include "models/sam/tiny_vit_stages.h"
#include "nn/activation.h"
#include "nn/checkpoint.h"

namespace cambium::sam {

TinyViT::TinyViT(const ImageEncoderOptions& options) {
  auto embed = std::make_shared<torch::nn::Module>("patch_embed");
  auto sequence = std::make_shared<torch::nn::Module>("seq");  // position 1 is an activation
  embed1_ = sequence->register_module(
      "0", std::make_shared<ConvNorm>(Conv2dOptions{.in = 3, .out = 32, .kernel = 3, .stride = 2, .padding = 1}));
  embed2_ = sequence->register_module(
      "2", std::make_shared<ConvNorm>(Conv2dOptions{.in = 32, .out = 64, .kernel = 3, .stride = 2, .padding = 1}));
  embed->register_module("seq", sequence);
  register_module("patch_embed", embed);

  auto layers = std::make_shared<torch::nn::Module>("layers");
  layers_.push_back(std::make_shared<ConvStage>(2, 64, TinyViTStageEnd{.out = 128, .stride = 2}));
  layers_.push_back(std::make_shared<AttentionStage>(
      AttentionStageOptions{.depth = 2, .width = 128, .heads = 4, .window = 7, .end = {{.out = 160, .stride = 2}}}));
  layers_.push_back(std::make_shared<AttentionStage>(
      AttentionStageOptions{.depth = 6, .width = 160, .heads = 5, .window = 14, .end = {{.out = 320, .stride = 1}}}));
  layers_.push_back(
      std::make_shared<AttentionStage>(AttentionStageOptions{.depth = 2, .width = 320, .heads = 10, .window = 7}));
  for (size_t i = 0; i < layers_.size(); ++i) layers->register_module(std::to_string(i), layers_[i]);
  register_module("layers", layers);

  // The classifier that TinyViT was trained with: in the files, and of no use here.
  norm_head_ = register_module("norm_head", std::make_shared<nn::LayerNorm>(nn::LayerNormOptions{.width = 320}));
  head_ = register_module("head", std::make_shared<nn::Linear>(nn::LinearOptions{.in = 320, .out = 1000}));
  neck_ = register_module("neck", std::make_shared<Neck>(320, options.out_channels));
}

at::Tensor TinyViT::embed(const at::Tensor& image) const {
  if (image.dim() != 4 || image.size(1) != 3 || image.size(2) % 16 != 0 || image.size(3) % 16 != 0 ||
      image.numel() == 0) {
    throw Error({.what = "expected images of shape [B, 3, H, W] with H and W multiples of 16, got " +
                         io::shape_text(image.sizes()),
                 .mend = "pad them with zeros on the right and at the bottom"});
  }
  return embed2_->forward(nn::activate(embed1_->forward(image), nn::Activation::gelu));
}

ImageFeatures TinyViT::encode(const at::Tensor& image, bool early) {
  ImageFeatures out;
  at::Tensor x = embed(image);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto& layer = layers_[i];
    x = checkpointing_
            ? nn::checkpoint([layer](const at::Tensor& t) { return layer->forward(t); }, x, layer->parameters())
            : layer->forward(x);
    if (early && i == 1) out.early = x.permute({0, 2, 3, 1});
  }
  out.embedding = neck_->forward(x.permute({0, 2, 3, 1}));
  return out;
}

void TinyViT::initialize(at::Generator& generator) {
  embed1_->initialize(generator);
  embed2_->initialize(generator);
  for (const auto& layer : layers_) layer->initialize(generator);
  initialize_norm(*norm_head_);
  initialize_linear(*head_, generator);
  neck_->initialize(generator);
}

}  // namespace cambium::sam
