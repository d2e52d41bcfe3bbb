#include "data/composite/camouflage.h"

#include <numbers>

#include "core/error.h"
#include "data/composite/layer.h"

namespace cambium::data::composite {

void CamouflageOptions::validate() const {
  const auto range = [](const char* field, double low, double high) {
    if (!(low >= 0 && low <= high && high <= 1)) {
      throw UsageError({.what = "is not a range within 0 to 1", .field = field, .mend = "give 0 <= min <= max <= 1"});
    }
  };
  if (side < 16) throw UsageError({.what = "must be at least 16 pixels", .field = "side"});
  if (min_size <= 0) throw UsageError({.what = "must be above 0", .field = "min_size"});
  range("size", min_size, max_size);
  range("strength", min_strength, max_strength);
  range("bleed", min_bleed, max_bleed);
  range("min_visible", min_visible, max_size * max_size);
}

MaskedPicture camouflage(const io::Image& object, const io::Image& background, const CamouflageOptions& options,
                         Rng& rng) {
  const auto side = static_cast<double>(options.side);
  const at::Tensor backdrop = draw_backdrop(background, options.side, options.jitter, rng);  // [3, S, S]
  Layer layer;
  // A thin object may cover little however it is drawn: it is then taken as it is, as large as allowed.
  constexpr int kTries = 12;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const double share = attempt + 1 < kTries ? rng.uniform(options.min_size, options.max_size) : options.max_size;
    layer = place(object,
                  {.size = share * side,
                   .angle = rng.uniform(-std::numbers::pi, std::numbers::pi),
                   .mirror = rng.below(2) == 1,
                   .centre_x = rng.uniform(0.25, 0.75) * side,
                   .centre_y = rng.uniform(0.25, 0.75) * side},
                  options.side);
    if (layer.alpha.mean().item<double>() >= options.min_visible) break;
  }

  // The surroundings: the background under the object and a little about it.
  const Moments around = moments(backdrop, blur(layer.alpha, side / 20));
  const Moments own = moments(layer.colour, layer.alpha);
  const double strength = rng.uniform(options.min_strength, options.max_strength);
  const at::Tensor matched =
      (layer.colour - own.mean) * (around.std / own.std.clamp_min(0.02)).clamp(0.2, 3.0) + around.mean;
  at::Tensor colour = layer.colour + (matched - layer.colour) * strength;

  const double bleed = rng.uniform(options.min_bleed, options.max_bleed);
  const auto step = [&] {
    const int64_t sign = rng.below(2) ? 1 : -1;
    return sign * (options.side / 10 + rng.below(options.side / 4));
  };
  const int64_t dx = step(), dy = step();
  colour = (colour + (shift(backdrop, dx, dy) - colour) * bleed).clamp(0, 1);

  return {.image = over(colour, blur(layer.alpha, options.feather), backdrop), .mask = layer.alpha.gt(0.5)};
}

}  // namespace cambium::data::composite
