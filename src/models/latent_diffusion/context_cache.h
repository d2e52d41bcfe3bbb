#pragma once
// The keys and values that a U-Net's transformers make of the text: constant over the steps of a sampler.
#include <vector>

#include "models/latent_diffusion/transformer_block.h"

namespace cambium::latent_diffusion {

// Made by UNet::project for one context and one set of weights; of no use with another.
struct ContextCache {
  std::vector<std::vector<BlockContext>> places = {};  // by attention place, then by block of its transformer
};

}  // namespace cambium::latent_diffusion
