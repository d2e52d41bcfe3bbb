#include "data/composite/shadow.h"

#include <ATen/ops/tensor.h>

#include <numbers>

#include "core/error.h"
#include "data/composite/layer.h"

namespace cambium::data::composite {

void ShadowOptions::validate() const {
  const auto range = [](const char* field, double low, double high, double most) {
    if (!(low > 0 && low <= high && high <= most)) {
      throw UsageError({.what = "is not a range above 0 and up to " + std::to_string(most),
                        .field = field,
                        .mend = "give min <= max"});
    }
  };
  if (side < 16) throw UsageError({.what = "must be at least 16 pixels", .field = "side"});
  range("size", min_size, max_size, 4);
  range("light", min_light, max_light, 1);
  range("blur", min_blur, max_blur, 100);
  range("area", min_area, max_area, 1);
  if (!(max_shear >= 0)) throw UsageError({.what = "must not be negative", .field = "max_shear"});
  if (!(min_contrast >= 0 && min_contrast < 1))
    throw UsageError({.what = "must lie in 0 to 1", .field = "min_contrast"});
}

std::optional<MaskedPicture> cast_shadow(const io::Image& caster, const io::Image& background,
                                         const ShadowOptions& options, Rng& rng) {
  const auto side = static_cast<double>(options.side);
  const at::Tensor lit = draw_backdrop(background, options.side, options.jitter, rng);  // [3, S, S]
  const Layer layer = place(caster,
                            {.size = rng.uniform(options.min_size, options.max_size) * side,
                             .angle = rng.uniform(-std::numbers::pi, std::numbers::pi),
                             .mirror = rng.below(2) == 1,
                             .centre_x = rng.uniform(0.2, 0.8) * side,
                             .centre_y = rng.uniform(0.2, 0.8) * side,
                             .shear = rng.uniform(-options.max_shear, options.max_shear),
                             .squash = rng.uniform(0.5, 1)},
                            options.side);
  const at::Tensor shade = blur(layer.alpha, rng.uniform(options.min_blur, options.max_blur));
  const at::Tensor mask = shade.gt(0.5);
  const double area = mask.to(at::kFloat).mean().item<double>();
  if (area < options.min_area || area > options.max_area) return std::nullopt;
  // Shadows are lit by the sky: a little bluer than what the sun lights.
  const auto light = static_cast<float>(rng.uniform(options.min_light, options.max_light));
  const at::Tensor left = at::tensor({light, light * 1.02f, light * 1.06f}).view({3, 1, 1}).clamp_max(1);
  const at::Tensor image = lit * (1 - shade * (1 - left));
  const double contrast = (lit - image).mul(mask).sum().item<double>() / (3 * area * side * side);
  if (contrast < options.min_contrast) return std::nullopt;
  return MaskedPicture{.image = image, .mask = mask};
}

}  // namespace cambium::data::composite
