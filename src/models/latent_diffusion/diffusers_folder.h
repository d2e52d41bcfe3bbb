#pragma once
// A folder as diffusers writes it: model_index.json and a folder for each part.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "models/latent_diffusion/weights.h"

namespace cambium::latent_diffusion {

// Whether `path` is such a folder, or the folder of one of its networks. `path` must not be a cache folder
// (io::follow_snapshot).
bool is_diffusers_folder(const std::filesystem::path& path);

// Error naming the part that is missing, or the model that is another one (SDXL, Stable Diffusion 3).
Weights read_diffusers_folder(const std::filesystem::path& folder, const WeightsOptions& options);

// The folder's JSON file of that name; nothing where there is none. Error where it is not an object.
std::optional<nlohmann::json> read_config(const std::filesystem::path& file);

}  // namespace cambium::latent_diffusion
