#include "systems/video_ldm/image/settings.h"

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "io/png_text.h"

namespace cambium::systems::video_ldm {

namespace {

constexpr const char* kKeyword = "cambium";

}  // namespace

void write_picture(const std::filesystem::path& path, const io::Image& image, const nlohmann::json& settings) {
  write_file(path, io::encode_png(image, {.text = {{kKeyword, settings.dump()}}}));
}

nlohmann::json read_settings(const std::filesystem::path& path) {
  std::string others;
  for (const auto& [keyword, text] : io::read_png_text(path)) {
    if (keyword != kKeyword) {
      others += (others.empty() ? " (its texts are: " : ", ") + keyword;
      continue;
    }
    nlohmann::json settings = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!settings.is_object()) throw Error({.what = "the settings inside are damaged", .file = path.string()});
    return settings;
  }
  throw Error({.what = "the picture holds no settings of cambium" + (others.empty() ? "" : others + ")"),
               .file = path.string(),
               .mend = "name a PNG that cambium generate wrote"});
}

}  // namespace cambium::systems::video_ldm
