#pragma once
// Building SAM as golden files describe it.
#include "models/sam/options.h"
#include "parity/golden.h"

namespace torch::nn {
class Module;
}

namespace cambium::parity {

// Of the config's img, patch, dim, depth, heads, window, glob and use_abs_pos.
sam::ImageEncoderOptions sam_encoder_options(const Json& config);
sam::SamOptions sam_options(const Json& config);

// Every parameter by its name, and Gaussian matrices as (u - 0.5) * 4.
void fill_sam(torch::nn::Module& module);

}  // namespace cambium::parity
