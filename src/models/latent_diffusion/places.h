#pragma once
// The places of a U-Net where something may be added: behind its residual blocks and inside its transformers.
#include "models/latent_diffusion/options.h"

#include <string>
#include <vector>

namespace cambium::latent_diffusion {

struct Place {
  std::string name;      // diffusers' name of the module: "down_blocks.0.resnets.1", "mid_block.attentions.0"
  int64_t channels = 0;  // of what leaves it
  int64_t level = 0;     // its resolution is the input's over 2^level
  int64_t heads = 0;     // of attention places
};

// In the order in which the forward pass comes by: downwards, middle, upwards. Stable Diffusion: 22 and 16.
std::vector<Place> residual_places(const UNetOptions& options);
std::vector<Place> attention_places(const UNetOptions& options);

}  // namespace cambium::latent_diffusion
