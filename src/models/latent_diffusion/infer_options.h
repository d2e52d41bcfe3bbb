#pragma once
// Sizes of the networks by the shapes of their tensors, for files that come without a configuration.
#include "io/state_dict.h"
#include "models/clip/options.h"
#include "models/latent_diffusion/options.h"

namespace cambium::latent_diffusion {

// Canonical names. What shapes do not tell: heads are 8 a level, but 64 channels wide each with linear projections and
// no class embedding (Stable Diffusion 2); 32 groups of norms. Error naming the source and the tensor at fault.
UNetOptions infer_unet(const io::StateDict& state);

// The scaling factor is 0.08333 for autoencoders that reduce four times (the x4 upscaler's), else 0.18215.
AutoencoderOptions infer_autoencoder(const io::StateDict& state);

// models/clip's names, "textual." before them. Heads are 64 channels wide; QuickGELU for transformers' names (Stable
// Diffusion 1), the exact GELU for open_clip's (`open_clip`, Stable Diffusion 2).
clip::TextTransformerOptions infer_text(const io::StateDict& state, bool open_clip);

}  // namespace cambium::latent_diffusion
