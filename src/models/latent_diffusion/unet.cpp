#include "models/latent_diffusion/unet.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "core/error.h"
#include "io/dtype.h"
#include "nn/checkpoint.h"
#include "nn/initialize.h"
#include "nn/kernels/weight_stamp.h"
#include "nn/module_path.h"

namespace cambium::latent_diffusion {

namespace {

std::vector<at::Tensor> joined(std::vector<at::Tensor> a, const std::vector<at::Tensor>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

UNet::UNet(const UNetOptions& options) : options_(options) {
  options.validate();
  const int64_t first = options.block_out_channels.front(), time = options.time_width();
  conv_in_ = register_module("conv_in", std::make_shared<nn::Conv2d>(nn::Conv2dOptions{
                                            .in = options.in_channels, .out = first, .kernel = 3, .padding = 1}));
  time_embedding_ = register_module(
      "time_embedding",
      std::make_shared<nn::TimestepEmbedding>(nn::TimestepEmbeddingOptions{.in = first, .hidden = time, .out = time}));
  if (options.class_embeddings > 0)
    class_embedding_ =
        register_module("class_embedding", std::make_shared<nn::Embedding>(options.class_embeddings, time));
  build_down();
  build_middle();
  build_up();
  conv_norm_out_ = register_module("conv_norm_out", std::make_shared<nn::GroupNorm>(nn::GroupNormOptions{
                                                        .groups = options.norm_groups, .channels = first}));
  conv_out_ = register_module("conv_out", std::make_shared<nn::Conv2d>(nn::Conv2dOptions{
                                              .in = first, .out = options.out_channels, .kernel = 3, .padding = 1}));
}

std::shared_ptr<ResidualBlock> UNet::residual_at(const std::string& path, int64_t in, int64_t out) {
  return nn::register_at(
      *this, path,
      std::make_shared<ResidualBlock>(ResidualBlockOptions{
          .in = in, .out = out, .time_width = options_.time_width(), .groups = options_.norm_groups}));
}

std::shared_ptr<Transformer> UNet::transformer_at(const std::string& path, int64_t level, bool only_cross_attention) {
  const auto at = static_cast<size_t>(level);
  return nn::register_at(
      *this, path,
      std::make_shared<Transformer>(TransformerOptions{.channels = options_.block_out_channels[at],
                                                       .heads = options_.heads[at],
                                                       .depth = options_.transformer_depth,
                                                       .context_width = options_.cross_attention_dim,
                                                       .only_cross_attention = only_cross_attention,
                                                       .linear_projection = options_.linear_projection,
                                                       .groups = options_.norm_groups}));
}

void UNet::build_down() {
  int64_t width = options_.block_out_channels.front();
  for (int64_t level = 0; level < options_.levels(); ++level) {
    const auto at = static_cast<size_t>(level);
    const std::string path = "down_blocks." + std::to_string(level);
    const int64_t out = options_.block_out_channels[at];
    Level& built = down_.emplace_back();
    for (int64_t j = 0; j < options_.layers_per_block; ++j) {
      if (options_.attention[at])
        built.transformers.push_back(
            transformer_at(path + ".attentions." + std::to_string(j), level, options_.only_cross_attention[at]));
      built.residuals.push_back(residual_at(path + ".resnets." + std::to_string(j), width, out));
      width = out;
    }
    if (level + 1 < options_.levels())
      built.resample = nn::register_at(*this, path + ".downsamplers.0.conv",
                                       std::make_shared<nn::Conv2d>(nn::Conv2dOptions{
                                           .in = out, .out = out, .kernel = 3, .stride = 2, .padding = 1}));
  }
}

void UNet::build_middle() {
  const int64_t width = options_.block_out_channels.back();
  // It attends to itself and to the context even where the last level's blocks attend to the context alone.
  middle_.transformers.push_back(transformer_at("mid_block.attentions.0", options_.levels() - 1, false));
  for (const char* name : {"mid_block.resnets.0", "mid_block.resnets.1"})
    middle_.residuals.push_back(residual_at(name, width, width));
}

void UNet::build_up() {
  const auto& widths = options_.block_out_channels;
  int64_t width = widths.back();
  for (int64_t block = 0; block < options_.levels(); ++block) {
    const int64_t level = options_.levels() - 1 - block;
    const auto at = static_cast<size_t>(level);
    const std::string path = "up_blocks." + std::to_string(block);
    const int64_t out = widths[at];
    Level& built = up_.emplace_back();
    for (int64_t j = 0; j <= options_.layers_per_block; ++j) {
      // The last block's skip comes from the level above, but on the topmost level from conv_in.
      const int64_t skip = j < options_.layers_per_block ? out : widths[at > 0 ? at - 1 : 0];
      if (options_.attention[at])
        built.transformers.push_back(
            transformer_at(path + ".attentions." + std::to_string(j), level, options_.only_cross_attention[at]));
      built.residuals.push_back(residual_at(path + ".resnets." + std::to_string(j), width + skip, out));
      width = out;
    }
    if (level > 0)
      built.resample = nn::register_at(
          *this, path + ".upsamplers.0.conv",
          std::make_shared<nn::Conv2d>(nn::Conv2dOptions{.in = out, .out = out, .kernel = 3, .padding = 1}));
  }
}

void UNet::check(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& context,
                 const UNetExtras& extras) const {
  const auto require = [](bool holds, const std::string& what, const char* field) {
    if (!holds) throw Error({.what = what, .field = field});
  };
  require(x.dim() == 4 && x.size(1) == options_.in_channels && x.numel() > 0,
          "the U-Net takes latents [N, " + std::to_string(options_.in_channels) + ", h, w], got " +
              io::shape_text(x.sizes()),
          "x");
  const auto one_each = [&](const at::Tensor& t) { return t.dim() == 1 && (t.size(0) == x.size(0) || t.size(0) == 1); };
  require(one_each(timesteps), "expected one timestep or one per latent, got " + io::shape_text(timesteps.sizes()),
          "timesteps");
  require(extras.context || (context.dim() == 3 && context.size(2) == options_.cross_attention_dim &&
                             context.size(0) > 0 && x.size(0) % context.size(0) == 0),
          "the U-Net takes contexts [B, L, " + std::to_string(options_.cross_attention_dim) +
              "], B dividing the latents, got " + (context.defined() ? io::shape_text(context.sizes()) : "none"),
          "context");
  require(class_embedding_ ? extras.class_labels.defined() && one_each(extras.class_labels)
                           : !extras.class_labels.defined(),
          class_embedding_ ? "the U-Net takes one class label per latent" : "the U-Net takes no class labels",
          "class_labels");
}

at::Tensor UNet::time_embedding(const at::Tensor& timesteps, int64_t batch, const UNetExtras& extras) const {
  const auto dtype = compute_dtype();
  at::Tensor e = time_embedding_->forward(
      nn::sinusoidal_embedding(timesteps, options_.block_out_channels.front()).to(dtype));  // [N or 1, 4 C0]
  if (class_embedding_) e = e + class_embedding_->forward(extras.class_labels).to(dtype);
  if (extras.added_embedding.defined()) e = e + extras.added_embedding.to(dtype);
  return e.expand({batch, e.size(1)});
}

// What one forward pass carries along.
struct UNet::Pass {
  at::Tensor time, context;
  const UNetExtras& extras;
  std::vector<at::Tensor> skips = {};
  int64_t residual_place = 0, attention_place = 0;  // the next ones (places.h)
};

at::Tensor UNet::run_residual(const ResidualBlock& block, const at::Tensor& h, const at::Tensor& skip,
                              Pass& pass) const {
  const Injection* injection = pass.extras.injection;
  const int64_t place = pass.residual_place++;
  const nn::Segment segment = [&block, injection, place](const std::vector<at::Tensor>& in) {
    const at::Tensor x = in.size() > 2 ? at::cat({in[0], in[2]}, 1) : in[0];
    const at::Tensor y = block.forward(x, in[1]);
    return std::vector<at::Tensor>{injection ? injection->after_residual(place, y, in[1]) : y};
  };
  std::vector<at::Tensor> inputs = {h, pass.time};
  if (skip.defined()) inputs.push_back(skip);
  if (!checkpointing_) return segment(inputs)[0];
  return nn::checkpoint(
      segment, inputs,
      joined(block.parameters(), injection ? injection->residual_parameters(place) : std::vector<at::Tensor>{}))[0];
}

at::Tensor UNet::run_transformer(const Transformer& transformer, const at::Tensor& h, Pass& pass) const {
  const Injection* injection = pass.extras.injection;
  const int64_t place = pass.attention_place++;
  const std::vector<BlockContext>* ready =
      pass.extras.context ? &pass.extras.context->places.at(static_cast<size_t>(place)) : nullptr;
  const nn::Segment segment = [&transformer, injection, place, ready](const std::vector<at::Tensor>& in) {
    return std::vector<at::Tensor>{
        transformer.forward(in[0], ready ? *ready : transformer.project(in[1]), injection, place)};
  };
  std::vector<at::Tensor> inputs = {h};
  if (!ready) inputs.push_back(pass.context);
  if (!checkpointing_) return segment(inputs)[0];
  return nn::checkpoint(segment, inputs,
                        joined(transformer.parameters(),
                               injection ? injection->attention_parameters(place) : std::vector<at::Tensor>{}))[0];
}

at::Tensor UNet::run_down(at::Tensor h, Pass& pass) const {
  for (const Level& level : down_) {
    for (size_t j = 0; j < level.residuals.size(); ++j) {
      h = run_residual(*level.residuals[j], h, {}, pass);
      if (!level.transformers.empty()) h = run_transformer(*level.transformers[j], h, pass);
      pass.skips.push_back(h);
    }
    if (level.resample) pass.skips.push_back(h = level.resample->forward(h));
  }
  return h;
}

at::Tensor UNet::run_up(at::Tensor h, Pass& pass) const {
  for (const Level& level : up_) {
    for (size_t j = 0; j < level.residuals.size(); ++j) {
      const at::Tensor skip = std::move(pass.skips.back());
      pass.skips.pop_back();
      h = run_residual(*level.residuals[j], h, skip, pass);
      if (!level.transformers.empty()) h = run_transformer(*level.transformers[j], h, pass);
    }
    if (!level.resample) continue;
    // To the size of the skip that comes next: twice this one, or one less where a side was odd.
    const at::Tensor& next = pass.skips.back();
    h = level.resample->forward(at::upsample_nearest2d(h, {next.size(2), next.size(3)}));
  }
  return h;
}

at::Tensor UNet::run(const at::Tensor& x, Pass& pass) const {
  at::Tensor h = conv_in_->forward(x);  // [N, C0, h, w], channels-last in memory from here on
  pass.skips.push_back(h);
  h = run_down(h, pass);
  h = run_residual(*middle_.residuals[0], h, {}, pass);
  h = run_transformer(*middle_.transformers[0], h, pass);
  h = run_residual(*middle_.residuals[1], h, {}, pass);
  h = run_up(h, pass);
  return conv_out_->forward(conv_norm_out_->forward_silu(h));
}

at::Tensor UNet::forward(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& context,
                         const UNetExtras& extras) const {
  check(x, timesteps, context, extras);
  std::optional<nn::kernels::KeepPackedOnly> keep;
  if (keep_packed_only_) keep.emplace();
  const auto dtype = compute_dtype();
  Pass pass{.time = time_embedding(timesteps, x.size(0), extras),
            .context = extras.context ? at::Tensor() : context.to(dtype),
            .extras = extras};
  return run(x.to(dtype), pass).to(x.scalar_type());
}

ContextCache UNet::project(const at::Tensor& context) const {
  std::optional<nn::kernels::KeepPackedOnly> keep;
  if (keep_packed_only_) keep.emplace();
  const at::Tensor cast = context.to(compute_dtype());
  ContextCache cache;
  const auto add = [&](const Level& level) {
    for (const auto& transformer : level.transformers) cache.places.push_back(transformer->project(cast));
  };
  for (const Level& level : down_) add(level);
  add(middle_);
  for (const Level& level : up_) add(level);
  return cache;
}

void UNet::initialize(at::Generator& generator) { nn::initialize_layers(*this, generator); }

}  // namespace cambium::latent_diffusion
