#pragma once
// A U-Net of two levels with weights from a seed.
#include <ATen/ATen.h>

#include <memory>

#include "core/random.h"
#include "models/latent_diffusion/unet.h"
#include "support/gaussian.h"

namespace cambium::latent_diffusion {

inline UNetOptions small_options() {
  return {.in_channels = 4,
          .out_channels = 4,
          .block_out_channels = {32, 64},
          .attention = {true, true},
          .only_cross_attention = {false, false},
          .heads = {4, 4},
          .layers_per_block = 1,
          .cross_attention_dim = 24,
          .norm_groups = 8};
}

inline std::shared_ptr<UNet> small_unet(const UNetOptions& options = small_options(), uint64_t seed = 1) {
  auto unet = std::make_shared<UNet>(options);
  at::Generator generator = make_generator(seed);
  unet->initialize(generator);
  return unet;
}

using test::gaussian;

inline double relative_error(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).norm() / b.to(at::kDouble).norm()).item<double>();
}

}  // namespace cambium::latent_diffusion
