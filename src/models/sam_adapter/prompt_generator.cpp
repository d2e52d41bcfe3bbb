#include "models/sam_adapter/prompt_generator.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "models/sam_adapter/high_pass.h"

namespace cambium::sam_adapter {
namespace {

using Adaptor = PromptGeneratorOptions::Adaptor;
using EmbeddingLayout = PromptGeneratorOptions::EmbeddingLayout;

std::shared_ptr<nn::Linear> layer(int64_t in, int64_t out) {
  return std::make_shared<nn::Linear>(nn::LinearOptions{.in = in, .out = out});
}

// A child that holds layers under the numbers that they have in the original's Sequential.
std::shared_ptr<torch::nn::Module> sequence(
    const std::vector<std::pair<std::string, std::shared_ptr<nn::Linear>>>& layers) {
  auto module = std::make_shared<torch::nn::Module>();
  for (const auto& [name, linear] : layers) module->register_module(name, linear);
  return module;
}

}  // namespace

void PromptGeneratorOptions::validate() const {
  if (width < 1 || depth < 1 || patch < 1)
    throw UsageError({.what = "a prompt generator needs positive sizes", .field = "width"});
  if (scale_factor < 1 || scale_factor > width) {
    throw UsageError({.what = std::to_string(scale_factor) + " leaves nothing of a width of " + std::to_string(width),
                      .field = "peft.scale_factor",
                      .mend = "32 is the paper's"});
  }
  high_pass_line(patch, patch, rate);
  if (!handcrafted_tune && !embedding_tune) {
    throw UsageError({.what = "is off, as embedding_tune is: nothing is left to make prompts from",
                      .field = "peft.handcrafted_tune",
                      .mend = "turn one of them on"});
  }
}

Adaptor parse_adaptor(const std::string& name) {
  if (name == "lightweight") return Adaptor::lightweight;
  if (name == "fully_shared") return Adaptor::fully_shared;
  if (name == "fully_unshared") return Adaptor::fully_unshared;
  throw UsageError({.what = "unknown adaptor \"" + name + "\"",
                    .field = "peft.adaptor",
                    .mend = "use lightweight, fully_shared or fully_unshared"});
}

EmbeddingLayout parse_embedding_layout(const std::string& name) {
  if (name == "natural") return EmbeddingLayout::natural;
  if (name == "official") return EmbeddingLayout::official;
  throw UsageError(
      {.what = "unknown layout \"" + name + "\"", .field = "peft.embedding_layout", .mend = "use natural or official"});
}

PromptGenerator::PromptGenerator(const PromptGeneratorOptions& options) : options_(options) {
  options.validate();
  const int64_t r = options.inner(), c = options.width, p = options.patch;
  if (options.adaptor == Adaptor::lightweight) shared_ = register_module("shared_mlp", layer(r, c));
  if (options.embedding_tune) embedding_ = register_module("embedding_generator", layer(c, r));
  if (options.adaptor == Adaptor::fully_shared) {
    inner_.push_back(layer(r, r));
    outer_.push_back(layer(r, c));
    register_module("fully_shared_mlp", sequence({{"0", inner_[0]}, {"2", outer_[0]}}));
  } else {
    for (int64_t i = 0; i < options.depth; ++i) {
      inner_.push_back(layer(r, r));
      if (options.adaptor == Adaptor::lightweight) {
        register_module("lightweight_mlp_" + std::to_string(i), sequence({{"0", inner_.back()}}));
      } else {
        outer_.push_back(layer(r, c));
        register_module("fully_unshared_mlp_" + std::to_string(i),
                        sequence({{"0", inner_.back()}, {"2", outer_.back()}}));
      }
    }
  }
  if (options.handcrafted_tune) {
    auto patches = std::make_shared<torch::nn::Module>(), proj = std::make_shared<torch::nn::Module>();
    patch_weight_ = proj->register_parameter("weight", at::empty({r, 3, p, p}));
    patch_bias_ = proj->register_parameter("bias", at::empty({r}));
    patches->register_module("proj", proj);
    register_module("prompt_generator", patches);
  }
}

void PromptGenerator::initialize(at::Generator& generator) {
  const at::NoGradGuard guard;
  for (auto& item : named_parameters()) {
    at::Tensor& value = item.value();
    if (value.dim() == 1) {
      value.zero_();
    } else if (value.dim() == 2) {
      trunc_normal_(value, 0, 0.02, -2, 2, generator);
    } else {
      normal_(value, 0, std::sqrt(2.0 / static_cast<double>(value.size(2) * value.size(3) * value.size(0))), generator);
    }
  }
}

at::Tensor PromptGenerator::embedding_feature(const at::Tensor& embeddings) const {
  const int64_t batch = embeddings.size(0), tokens = embeddings.size(1) * embeddings.size(2),
                width = embeddings.size(3);
  const at::Tensor x = embeddings.to(at::promoteTypes(embeddings.scalar_type(), at::kFloat));
  const at::Tensor rows = options_.embedding_layout == EmbeddingLayout::natural
                              ? x.reshape({batch, tokens, width})
                              : x.reshape({batch, width, tokens}).transpose(1, 2).contiguous();  // [B, H W, C]
  return embedding_->forward(rows);
}

at::Tensor PromptGenerator::handcrafted_feature(const at::Tensor& image) const {
  const int64_t p = options_.patch, height = image.size(2) / p, width = image.size(3) / p;
  const at::Tensor x = fft_highpass(image, options_.rate);
  // A convolution whose kernel is its stride is a product of patches.
  const at::Tensor patches =
      x.view({x.size(0), 3, height, p, width, p}).permute({0, 2, 4, 1, 3, 5}).reshape({-1, 3 * p * p});
  return nn::linear(patches, patch_weight_.flatten(1), patch_bias_)
      .view({x.size(0), height, width, -1})
      .permute({0, 3, 1, 2});
}

at::Tensor PromptGenerator::feature(const at::Tensor& embeddings, const at::Tensor& image) const {
  at::Tensor sum;
  if (options_.handcrafted_tune) sum = handcrafted_feature(image).flatten(2).transpose(1, 2);  // [B, H W, r]
  if (options_.embedding_tune) {
    const at::Tensor f = embedding_feature(embeddings);
    sum = sum.defined() ? sum + f : f;
  }
  return sum.contiguous();
}

at::Tensor PromptGenerator::prompt(const at::Tensor& feature, int64_t block) const {
  return outer(block).forward(at::gelu(inner_[index(block)]->forward(feature)));
}

at::Tensor PromptGenerator::prepare(const at::Tensor& patches, const at::Tensor& image) const {
  return feature(patches, image)
      .view({patches.size(0), patches.size(1), patches.size(2), -1})
      .to(patches.scalar_type());
}

std::vector<at::Tensor> PromptGenerator::block_parameters(int64_t block) const {
  const nn::Linear& first = *inner_[index(block)];
  const nn::Linear& second = outer(block);
  return {first.weight, first.bias, second.weight, second.bias};
}

}  // namespace cambium::sam_adapter
