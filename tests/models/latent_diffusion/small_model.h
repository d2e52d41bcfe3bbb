#pragma once
// A whole latent diffusion model that is small, with random weights, in each published shape.
#include "core/random.h"
#include "models/clip/text_transformer.h"
#include "models/latent_diffusion/autoencoder.h"
#include "models/latent_diffusion/unet.h"
#include "models/latent_diffusion/weights.h"
#include "nn/load.h"

namespace cambium::latent_diffusion::test_models {

enum class Kind { sd1, sd2, x4 };

inline UNetOptions unet_sizes(Kind kind) {
  UNetOptions o{.block_out_channels = {32, 64}, .attention = {true, false}, .only_cross_attention = {false, false}};
  o.heads = {8, 8};
  o.layers_per_block = 1;
  o.cross_attention_dim = 24;
  if (kind == Kind::sd1) return o;
  o.linear_projection = true;
  if (kind == Kind::sd2) o.heads = {2, 4};
  if (kind == Kind::x4) {
    o.in_channels = 7;
    o.attention = {true, true};
    o.only_cross_attention = {true, false};
    o.class_embeddings = 10;
  }
  return o;
}

inline AutoencoderOptions autoencoder_sizes(Kind kind) {
  AutoencoderOptions o{.block_out_channels = {32, 32}, .layers_per_block = 1};
  if (kind == Kind::x4) {
    o.block_out_channels = {32, 32, 32};
    o.scaling_factor = 0.08333;
  }
  return o;
}

inline clip::TextTransformerOptions text_sizes(Kind kind) {
  clip::TextTransformerOptions o{.vocabulary = 200, .width = 24, .layers = 2, .heads = 2, .mlp_width = 48};
  o.activation = kind == Kind::sd1 ? nn::Activation::quick_gelu : nn::Activation::gelu;
  return o;
}

inline io::StateDict state_of(const torch::nn::Module& module, const std::string& prefix = "") {
  io::StateDict state;
  for (const auto& [name, tensor] : nn::state_tensors(module)) {
    if (name != "attn_mask") state.tensors.emplace_back(prefix + name, tensor.detach());
  }
  return state;
}

template <class Network, class Options>
io::StateDict random_state(const Options& options, uint64_t seed, const std::string& prefix = "") {
  Network network(options);
  at::Generator generator = make_generator(seed);
  network.initialize(generator);
  return state_of(network, prefix);
}

inline Weights small_model(Kind kind) {
  Weights weights{.source = "made here"};
  weights.unet = UNetWeights{.options = unet_sizes(kind), .state = random_state<UNet>(unet_sizes(kind), 1)};
  weights.autoencoder = AutoencoderWeights{.options = autoencoder_sizes(kind),
                                           .state = random_state<Autoencoder>(autoencoder_sizes(kind), 2)};
  weights.text = TextWeights{.options = text_sizes(kind),
                             .state = random_state<clip::TextTransformer>(text_sizes(kind), 3, "textual."),
                             .pad = kind == Kind::sd1 ? kClipPad : kOpenClipPad};
  if (kind != Kind::sd1) weights.scheduler.prediction = Prediction::velocity;
  if (kind == Kind::x4) {
    weights.scheduler.noise.beta_start = 0.0001;
    weights.scheduler.noise.beta_end = 0.02;
    weights.low_res_scheduler = SchedulerOptions{.kind = SchedulerKind::ddpm, .noise = weights.scheduler.noise};
  }
  return weights;
}

}  // namespace cambium::latent_diffusion::test_models
