#include "models/latent_diffusion/places.h"

#include <fmt/format.h>

namespace cambium::latent_diffusion {

namespace {

std::vector<Place> level_places(const UNetOptions& options, const char* side, int64_t block, int64_t level,
                                const char* kind, int64_t count) {
  std::vector<Place> places;
  for (int64_t j = 0; j < count; ++j)
    places.push_back({.name = fmt::format("{}_blocks.{}.{}.{}", side, block, kind, j),
                      .channels = options.block_out_channels[static_cast<size_t>(level)],
                      .level = level,
                      .heads = options.heads[static_cast<size_t>(level)]});
  return places;
}

// `everywhere`: also at levels without attention, where there are residual blocks alone.
std::vector<Place> places_of(const UNetOptions& options, const char* kind, int64_t in_the_middle, bool everywhere) {
  std::vector<Place> places;
  const auto add = [&](std::vector<Place> more) { places.insert(places.end(), more.begin(), more.end()); };
  const int64_t last = options.levels() - 1;
  const auto has = [&](int64_t level) { return everywhere || options.attention[static_cast<size_t>(level)]; };
  for (int64_t level = 0; level <= last; ++level)
    if (has(level)) add(level_places(options, "down", level, level, kind, options.layers_per_block));
  for (int64_t j = 0; j < in_the_middle; ++j)
    places.push_back({.name = fmt::format("mid_block.{}.{}", kind, j),
                      .channels = options.block_out_channels.back(),
                      .level = last,
                      .heads = options.heads.back()});
  for (int64_t block = 0; block <= last; ++block)
    if (has(last - block)) add(level_places(options, "up", block, last - block, kind, options.layers_per_block + 1));
  return places;
}

}  // namespace

std::vector<Place> residual_places(const UNetOptions& options) { return places_of(options, "resnets", 2, true); }

std::vector<Place> attention_places(const UNetOptions& options) { return places_of(options, "attentions", 1, false); }

}  // namespace cambium::latent_diffusion
