#pragma once
// A model's options as JSON: kept in the metadata of our own checkpoints, because heads, activation and image
// statistics cannot be told from shapes.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "models/clip/options.h"

namespace cambium::clip {

// The metadata entry of a safetensors file that holds it.
inline constexpr const char* kOptionsKey = "cambium.clip";

nlohmann::json to_json(const CLIPOptions& options);
// Keys that are absent keep `defaults`. Error naming `source` and the key for a wrong type or an unknown key.
CLIPOptions options_from_json(const nlohmann::json& json, const std::string& source, const CLIPOptions& defaults = {});

}  // namespace cambium::clip
