#pragma once
// Pictures that carry their settings.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "io/image.h"

namespace cambium::systems::video_ldm {

// PNG with the settings as JSON under the keyword "cambium"; appears whole or not at all.
void write_picture(const std::filesystem::path& path, const io::Image& image, const nlohmann::json& settings);

// The settings in such a PNG. Error: not a PNG, none inside (it says what other programs' texts there are), not JSON.
nlohmann::json read_settings(const std::filesystem::path& path);

}  // namespace cambium::systems::video_ldm
