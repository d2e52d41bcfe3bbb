#pragma once
// Models back onto disk, in either layout.
#include <c10/core/ScalarType.h>

#include <filesystem>
#include <optional>

#include "models/latent_diffusion/weights.h"

namespace cambium::latent_diffusion {

struct Written {
  int64_t tensors = 0;
  int64_t bytes = 0;
};

// A single file with the LDM code's names, .safetensors (with what names and shapes do not tell in its metadata) or
// .ckpt. `floating` converts floating tensors on the way. Whole or not at all.
Written write_single_file(const std::filesystem::path& path, const Weights& weights,
                          std::optional<c10::ScalarType> floating = std::nullopt);

// A folder that diffusers opens: model_index.json, a folder for each network that there is, the scheduler's
// configuration, CLIP's vocabulary. Whole or not at all.
Written write_diffusers_folder(const std::filesystem::path& folder, const Weights& weights,
                               std::optional<c10::ScalarType> floating = std::nullopt);

}  // namespace cambium::latent_diffusion
