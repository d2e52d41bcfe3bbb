#include "models/video_ldm/options.h"

#include "core/error.h"

#include <array>
#include <utility>

namespace cambium::video_ldm {

namespace {

constexpr std::array<std::pair<const char*, Mixing>, 3> kMixings = {
    {{"sigmoid", Mixing::sigmoid}, {"clamp", Mixing::clamp}, {"per_frame", Mixing::per_frame}}};

}  // namespace

Mixing parse_mixing(const std::string& name) {
  for (const auto& [known, mixing] : kMixings) {
    if (name == known) return mixing;
  }
  throw UsageError({.what = "there is no mixing \"" + name + "\"",
                    .field = "temporal.mixing",
                    .mend = "give sigmoid, clamp or per_frame"});
}

std::string to_string(Mixing mixing) {
  for (const auto& [known, value] : kMixings) {
    if (value == mixing) return known;
  }
  return "";
}

void TemporalOptions::validate() const {
  if ((mixing == Mixing::per_frame) != (frames > 0)) {
    throw UsageError({.what = "mixing " + to_string(mixing) + " does not go with " + std::to_string(frames) + " frames",
                      .field = "temporal.frames",
                      .mend = "give the length of the videos with per_frame, and 0 otherwise"});
  }
  if (frame_rates < 0) {
    throw UsageError({.what = "there cannot be fewer than no frame rates",
                      .field = "temporal.frame_rates",
                      .mend = "give 0 or more"});
  }
}

}  // namespace cambium::video_ldm
