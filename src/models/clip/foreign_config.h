#pragma once
// What the configuration files beside other projects' weights say, where shapes do not: heads, activation, image
// statistics.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "models/clip/layouts.h"
#include "models/clip/options.h"

namespace cambium::clip {

// Reads the folder's config.json and preprocessor_config.json (Hugging Face) or open_clip_config.json, those that are
// there and speak of a CLIP, into `options`. Errors name the file and the key: not JSON, a wrong type, an unknown
// activation, a norm's epsilon other than 1e-5.
void apply_foreign_config(const std::filesystem::path& folder, Layout layout, CLIPOptions& options);

// Sizes of a tower by transformers' CLIPTextConfig or CLIPVisionConfig; absent keys mean its defaults. `source` names
// the file in errors, which are as above.
TextTransformerOptions hugging_face_text_options(const nlohmann::json& config, const std::string& source);
VisionTransformerOptions hugging_face_vision_options(const nlohmann::json& config, const std::string& source);

// The CLIPTextConfig of a text tower alone, as text_encoder/config.json of a diffusers folder holds it.
nlohmann::json hugging_face_text_config(const TextTransformerOptions& options);

// The config.json and preprocessor_config.json that belong to a model converted to Hugging Face's layout.
nlohmann::json hugging_face_config(const CLIPOptions& options);
nlohmann::json hugging_face_preprocessor(const CLIPOptions& options);

}  // namespace cambium::clip
