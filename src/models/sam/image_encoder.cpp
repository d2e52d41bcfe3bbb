#include "models/sam/image_encoder.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include "core/error.h"
#include "core/random.h"
#include "io/dtype.h"
#include "nn/checkpoint.h"

namespace cambium::sam {

PatchEmbed::PatchEmbed(const ImageEncoderOptions& options) : patch_(options.patch) {
  proj_ =
      register_module("proj", std::make_shared<Conv2d>(Conv2dOptions{
                                  .in = 3, .out = options.width, .kernel = options.patch, .stride = options.patch}));
}

at::Tensor PatchEmbed::forward(const at::Tensor& image) const {
  const int64_t batch = image.size(0), height = image.size(2) / patch_, width = image.size(3) / patch_;
  const at::Tensor patches = image.reshape({batch, 3, height, patch_, width, patch_})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({batch, height, width, 3 * patch_ * patch_});  // [B, H, W, 3 P P]
  return nn::linear(patches, proj_->weight.flatten(1), proj_->bias);                     // [B, H, W, C]
}

ImageEncoder::ImageEncoder(const ImageEncoderOptions& options) : options_(options) {
  options.validate();
  const int64_t grid = options.grid(), width = options.width;
  if (options.absolute_positions) pos_embed_ = register_parameter("pos_embed", at::empty({1, grid, grid, width}));
  patch_embed_ = register_module("patch_embed", std::make_shared<PatchEmbed>(options));
  auto blocks = std::make_shared<torch::nn::Module>("blocks");
  for (int64_t i = 0; i < options.depth; ++i) {
    blocks_.push_back(
        blocks->register_module(std::to_string(i), std::make_shared<EncoderBlock>(options, options.is_global(i))));
  }
  register_module("blocks", blocks);
  neck_ = register_module("neck", std::make_shared<Neck>(width, options.out_channels));
}

at::Tensor ImageEncoder::embed(const at::Tensor& image) const {
  const int64_t patch = options_.patch;
  if (image.dim() != 4 || image.size(1) != 3 || image.size(2) < patch || image.size(3) < patch ||
      image.size(2) % patch != 0 || image.size(3) % patch != 0) {
    throw Error({.what = "expected images of shape [B, 3, H, W] with H and W multiples of " + std::to_string(patch) +
                         ", got " + io::shape_text(image.sizes()),
                 .mend = "pad them with zeros on the right and at the bottom"});
  }
  return patch_embed_->forward(image);
}

at::Tensor ImageEncoder::position(int64_t height, int64_t width) const {
  if (!pos_embed_.defined() || (height == options_.grid() && width == options_.grid())) return pos_embed_;
  return at::upsample_bicubic2d(pos_embed_.permute({0, 3, 1, 2}), {height, width}, /*align_corners=*/false)
      .permute({0, 2, 3, 1});  // [1, H, W, C]
}

struct ImageEncoder::Run {
  const Injection* injection = nullptr;
  at::Tensor state = {};        // of the injection
  at::Tensor* early = nullptr;  // where to put the tokens after the first global block
};

at::Tensor ImageEncoder::start(const at::Tensor& image, Run& run) const {
  const at::Tensor patches = embed(image);  // [B, H, W, C]
  if (run.injection) run.state = run.injection->prepare(patches, image);
  const at::Tensor place = position(patches.size(1), patches.size(2));
  return place.defined() ? patches + place.to(patches.scalar_type()) : patches;
}

at::Tensor ImageEncoder::run_blocks(at::Tensor tokens, int64_t begin, int64_t end, const Run& run) const {
  bool wants_early = run.early != nullptr;
  for (int64_t i = begin; i < end; ++i) {
    const auto& block = blocks_[i];
    const Injection* injection = run.injection;
    const nn::Segment segment = [block, injection, i](const std::vector<at::Tensor>& inputs) {
      at::Tensor x = inputs[0], extra;
      if (injection) {
        const at::Tensor state = inputs.size() > 1 ? inputs[1] : at::Tensor();
        if (const at::Tensor added = injection->before_block(i, state); added.defined())
          x = x + added.to(x.scalar_type());
        extra = injection->key_tokens(i, state);
      }
      return std::vector<at::Tensor>{block->forward(x, extra)};
    };
    std::vector<at::Tensor> inputs = {tokens};
    if (run.state.defined()) inputs.push_back(run.state);
    if (options_.checkpointing) {
      std::vector<at::Tensor> parameters = block->parameters();
      if (injection) {
        for (const at::Tensor& p : injection->block_parameters(i)) parameters.push_back(p);
      }
      tokens = nn::checkpoint(segment, inputs, parameters)[0];
    } else {
      tokens = segment(inputs)[0];
    }
    if (wants_early && options_.is_global(i)) {
      *run.early = tokens;
      wants_early = false;
    }
  }
  return tokens;
}

at::Tensor ImageEncoder::forward(const at::Tensor& image, const Injection* injection) {
  Run run{.injection = injection};
  return neck_->forward(run_blocks(start(image, run), 0, options_.depth, run));
}

ImageFeatures ImageEncoder::encode(const at::Tensor& image, bool early) {
  ImageFeatures out;
  Run run{.early = early ? &out.early : nullptr};
  out.embedding = neck_->forward(run_blocks(start(image, run), 0, options_.depth, run));
  return out;
}

void ImageEncoder::check_block(int64_t block) const {
  if (block < 0 || block > options_.depth) {
    throw Error({.what = "the image encoder has " + std::to_string(options_.depth) +
                         " blocks and cannot be cut before block " + std::to_string(block)});
  }
}

at::Tensor ImageEncoder::forward_prefix(const at::Tensor& image, int64_t first_block) {
  check_block(first_block);
  Run run;
  return run_blocks(start(image, run), 0, first_block, run);
}

at::Tensor ImageEncoder::forward_from(const at::Tensor& tokens, int64_t first_block) {
  check_block(first_block);
  return neck_->forward(run_blocks(tokens, first_block, options_.depth, {}));
}

void ImageEncoder::initialize(at::Generator& generator) {
  const at::NoGradGuard no_grad;
  const auto normal = [&](at::Tensor& t) { trunc_normal_(t, 0, 0.02, -2, 2, generator); };
  if (pos_embed_.defined()) normal(pos_embed_);
  patch_embed_->initialize(generator);
  for (const auto& block : blocks_) {
    initialize_norm(*block->norm1());
    initialize_norm(*block->norm2());
    const auto& attention = block->attention();
    attention->rel_pos_h().zero_();
    attention->rel_pos_w().zero_();
    for (const auto& layer : {attention->qkv(), attention->proj(), block->mlp()->first(), block->mlp()->second()}) {
      normal(layer->weight);
      layer->bias.zero_();
    }
  }
  neck_->initialize(generator);
}

}  // namespace cambium::sam
