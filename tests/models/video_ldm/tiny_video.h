#pragma once
// A video model small enough for a unit test: two levels, odd sides, every sort of layer.
#include <ATen/ATen.h>

#include "core/random.h"
#include "models/video_ldm/video_denoiser.h"
#include "support/gaussian.h"

namespace cambium::video_ldm {

inline latent_diffusion::UNetOptions tiny_unet() {
  return {.block_out_channels = {16, 32},
          .attention = {true, false},
          .only_cross_attention = {false, false},
          .heads = {2, 4},
          .layers_per_block = 1,
          .cross_attention_dim = 12,
          .norm_groups = 4};
}

using test::gaussian;

// Every parameter random: no layer is silent.
inline void randomize(torch::nn::Module& module, uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) {
    at::Tensor& p = item.value();
    p.copy_(gaussian(p.sizes(), mix_seed(seed, item.key())));
    if (p.dim() > 1) p.mul_(std::sqrt(static_cast<double>(p.size(0)) / static_cast<double>(p.numel())));
  }
}

inline std::shared_ptr<latent_diffusion::UNet> random_unet(uint64_t seed = 1) {
  auto unet = std::make_shared<latent_diffusion::UNet>(tiny_unet());
  randomize(*unet, seed);
  for (at::Tensor& p : unet->parameters()) p.set_requires_grad(false);
  return unet;
}

inline std::shared_ptr<TemporalLayers> random_layers(const TemporalOptions& options = {}, uint64_t seed = 2) {
  auto layers = std::make_shared<TemporalLayers>(tiny_unet(), options);
  randomize(*layers, seed);
  return layers;
}

// Two videos of five frames.
struct TinyBatch {
  at::Tensor x = gaussian({2, 5, 4, 7, 6}, 3), timesteps = at::tensor({17.0, 803.5}), text = gaussian({2, 3, 12}, 4);
  VideoInputs inputs = {.frames = 5, .text = text};
};

}  // namespace cambium::video_ldm
