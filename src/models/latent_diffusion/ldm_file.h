#pragma once
// A single file of the original LDM code taken apart into networks, and put together again.
#include <string>
#include <vector>

#include "io/state_dict.h"
#include "models/latent_diffusion/layouts.h"

namespace cambium::latent_diffusion {

// Canonical names: diffusers' for the U-Net and the autoencoder, models/clip's for the text encoder ("textual."). A
// part that is not there is empty.
struct Parts {
  io::StateDict unet = {}, autoencoder = {}, text = {};
  TextLayout text_layout = TextLayout::clip;
  std::vector<std::string> left_out = {};  // names that belong to no part; buffers that are made anew are not listed
};

// Whether a network of the layout is among the names.
bool is_ldm(const io::StateDict& file);

// Prefixes removed, names made canonical; the tensors are views, but for q, k and v of a text encoder, which are
// packed. Alone in its file, a U-Net or an autoencoder may stand without its prefix, an autoencoder also below "vae.".
// `ema`: where the file holds a moving average of the U-Net beside it ("model_ema.", dots removed), that is taken.
// Error where the average is not whole.
Parts split_ldm(const io::StateDict& file, bool ema);

// The reverse, without a moving average.
io::StateDict join_ldm(const Parts& parts);

}  // namespace cambium::latent_diffusion
