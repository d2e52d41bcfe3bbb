// sam_adapter_data: SAM-Adapter's training transform. Items inp.HxW.T.flipF (normalised picture) and gt.HxW.T.flipF
// (mask, 0 or 1); the picture is image(h, w, seed) with the seed of config.note, the mask (channel 1 of image(h, w,
// seed + 1) > 128) * 255.
#include <ATen/ATen.h>

#include <regex>

#include "core/error.h"
#include "data/masks/transform.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

// "(60,100,6) no flip": height, width, seed.
int64_t seed_of(const Golden& golden, int64_t height, int64_t width) {
  static const std::regex pattern(R"(\((\d+),(\d+),(\d+)\))");
  const auto note = golden.config.at("note").get<std::string>();
  for (std::sregex_iterator it(note.begin(), note.end(), pattern), end; it != end; ++it) {
    if (std::stol((*it)[1]) == height && std::stol((*it)[2]) == width) return std::stol((*it)[3]);
  }
  throw Error({.what = "the note names no seed for " + std::to_string(height) + " x " + std::to_string(width),
               .field = "config.note"});
}

io::Image mask_of(const io::Image& source) {
  io::Image mask(source.width, source.height, 1);
  for (size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = source.pixels[3 * i + 1] > 128 ? 255 : 0;
  return mask;
}

}  // namespace

Results check_sam_adapter_data(const Golden& golden) {
  static const std::regex pattern(R"(inp\.(\d+)x(\d+)\.(\d+)\.flip([01]))");
  Results results;
  for (const auto& [name, tensor] : golden.tensors.tensors) {
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) continue;
    const int64_t height = std::stol(match[1]), width = std::stol(match[2]);
    const int64_t seed = seed_of(golden, height, width);
    const data::MaskItem item =
        data::transform({.image = image(height, width, seed), .mask = mask_of(image(height, width, seed + 1))},
                        std::stol(match[3]), match[4] == "1");
    results.tensors[name] = data::normalise(item.image);
    results.tensors["gt." + name.substr(4)] = data::mask_target(item.mask, data::MaskKind::binary).to(at::kByte);
  }
  return results;
}

}  // namespace cambium::parity
