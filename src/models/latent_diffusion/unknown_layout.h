#pragma once
#include <string>

#include "io/state_dict.h"

namespace cambium::latent_diffusion {

// The Error for a file of another model or of no known layout: says what it is, where its names give it away, else
// which layout it is closest to and how close.
[[noreturn]] void refuse_layout(const io::StateDict& state);

// Throws it for models that share names with Stable Diffusion and are others: SDXL, Stable Video Diffusion, ControlNet.
void refuse_relatives(const io::StateDict& state);

}  // namespace cambium::latent_diffusion
