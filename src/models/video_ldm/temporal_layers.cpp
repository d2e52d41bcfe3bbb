#include "models/video_ldm/temporal_layers.h"

#include <fmt/format.h>

#include "core/error.h"
#include "io/dtype.h"
#include "models/video_ldm/frames.h"
#include "models/video_ldm/temporal_pass.h"
#include "nn/initialize.h"
#include "nn/module_path.h"

namespace cambium::video_ldm {

namespace {

constexpr double kMixFactor = 0.5;  // Stable Video Diffusion's

// Layers of this room by their own rule, all others by PyTorch's.
void initialize_by_default(torch::nn::Module& module, at::Generator& generator) {
  for (const auto& layer : module.modules(/*include_self=*/false)) {
    if (nn::initialize_layer(*layer, generator)) continue;
    if (auto* convolution = dynamic_cast<TemporalConvolution*>(layer.get())) {
      convolution->initialize(generator);
    } else if (auto* mixer = dynamic_cast<TimeMixer*>(layer.get())) {
      const at::NoGradGuard no_grad;
      mixer->mix_factor.fill_(kMixFactor);
    }
  }
}

}  // namespace

TemporalResidual::TemporalResidual(const TemporalResidualOptions& options, const TemporalOptions& mixing,
                                   int64_t context_width) {
  temporal_res_block_ = register_module("temporal_res_block", std::make_shared<TemporalResidualBlock>(options));
  time_mixer_ = register_module("time_mixer", std::make_shared<TimeMixer>(mixing));
  if (context_width > 0)
    context_proj_ = register_module(
        "context_proj", std::make_shared<nn::Conv2d>(nn::Conv2dOptions{.in = context_width, .out = options.channels}));
}

at::Tensor TemporalResidual::forward(const at::Tensor& hidden, const at::Tensor& time_embedding, int64_t frames,
                                     const at::Tensor& context, const at::Tensor& image_only) const {
  if (!context_proj_)
    return time_mixer_->add(hidden, temporal_res_block_->branch(hidden, frames, time_embedding), frames, image_only);
  const at::Tensor told = context_proj_->forward(context);
  const at::Tensor branch = temporal_res_block_->branch(hidden + told, frames, time_embedding);
  return time_mixer_->add(hidden, told + branch, frames, image_only);
}

void TemporalResidual::silence() {
  const at::NoGradGuard no_grad;
  temporal_res_block_->conv2()->weight.zero_();
  temporal_res_block_->conv2()->bias.zero_();
  if (!context_proj_) return;
  context_proj_->weight.zero_();
  context_proj_->bias.zero_();
}

TemporalLayers::TemporalLayers(const latent_diffusion::UNetOptions& unet, const TemporalOptions& options)
    : unet_(unet), options_(options) {
  unet.validate();
  options.validate();
  const int64_t first = unet.block_out_channels.front();
  if (options.context)
    context_encoder_ =
        register_module("context_encoder", std::make_shared<ContextEncoder>(ContextEncoderOptions{
                                               .in = unet.out_channels + 1, .width = first, .levels = unet.levels()}));
  if (options.frame_rates > 0)
    frame_rate_embedding_ = register_module("frame_rate_embedding",
                                            std::make_shared<nn::Embedding>(options.frame_rates, unet.time_width()));
  for (const auto& place : residual_places(unet)) {
    const TemporalResidualOptions block{
        .channels = place.channels, .time_width = unet.time_width(), .groups = unet.norm_groups, .eps = options.eps};
    residuals_.push_back(nn::register_at(
        *this, place.name, std::make_shared<TemporalResidual>(block, options, options.context ? first : 0)));
  }
  for (const auto& place : attention_places(unet)) {
    const TemporalTransformerOptions transformer{.width = place.channels,
                                                 .heads = place.heads,
                                                 .context_width = unet.cross_attention_dim,
                                                 .depth = unet.transformer_depth,
                                                 .mixing = options};
    transformers_.push_back(nn::register_at(*this, place.name, std::make_shared<TemporalTransformer>(transformer)));
  }
}

void TemporalLayers::initialize(at::Generator& generator) {
  initialize_by_default(*this, generator);
  for (const auto& residual : residuals_) residual->silence();
  for (const auto& transformer : transformers_) transformer->silence();
  const at::NoGradGuard no_grad;
  if (frame_rate_embedding_) frame_rate_embedding_->weight.zero_();
}

void TemporalLayers::check(const VideoConditions& conditions) const {
  const auto require = [](bool holds, const std::string& what, const char* field, const std::string& mend) {
    if (!holds) throw Error({.what = what, .field = field, .mend = mend});
  };
  require(conditions.frames >= 1, fmt::format("a video cannot have {} frames", conditions.frames), "frames",
          "give 1 or more");
  require(options_.frames == 0 || conditions.frames == options_.frames,
          fmt::format("this model makes videos of {} frames alone, not {}", options_.frames, conditions.frames),
          "frames", fmt::format("give {}, or train a model that mixes by sigmoid", options_.frames));
  require(
      conditions.text.defined() && conditions.text.dim() == 3 && conditions.text.size(2) == unet_.cross_attention_dim,
      fmt::format("the text is {} where the model reads [videos, tokens, {}]",
                  conditions.text.defined() ? io::shape_text(conditions.text.sizes()) : "missing",
                  unet_.cross_attention_dim),
      "text", "give the text encoder's output, one row a video");
  require(conditions.context.defined() == options_.context,
          options_.context ? "this model reads given frames" : "this model reads no given frames", "context",
          options_.context ? "give context_frames() or no_context()" : "give none, or take a prediction model");
  const bool all_positions = !conditions.positions.defined() || conditions.positions.numel() == conditions.frames;
  require(all_positions, fmt::format("there is not one position for each of {} frames", conditions.frames), "positions",
          "give as many as frames");
}

std::unique_ptr<latent_diffusion::Injection> TemporalLayers::pass(const VideoConditions& conditions) const {
  check(conditions);
  return std::make_unique<TemporalPass>(*this, conditions);
}

std::vector<at::Tensor> TemporalLayers::encode_context(const at::Tensor& context) const {
  return context_encoder_->forward(fold_frames(context));
}

at::Tensor TemporalLayers::embed_frame_rates(const at::Tensor& rates, int64_t frames) const {
  if (!frame_rate_embedding_)
    throw Error({.what = "this model knows no frame rates", .field = "frame_rates", .mend = "give none"});
  return repeat_for_frames(frame_rate_embedding_->forward(rates), frames);
}

}  // namespace cambium::video_ldm
