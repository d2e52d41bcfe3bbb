#include "data/composite/scene.h"

#include <ATen/ops/zeros.h>

#include <numbers>

#include "core/error.h"
#include "data/composite/layer.h"
#include "data/composite/texture.h"

namespace cambium::data::composite {
namespace {

const io::Image& draw(std::span<const StockPicture> pictures, Rng& rng) {
  return pictures[static_cast<size_t>(rng.below(static_cast<int64_t>(pictures.size())))].image;
}

Layer draw_layer(std::span<const StockPicture> objects, const at::Tensor& backdrop, const SceneOptions& options,
                 Rng& rng) {
  const auto side = static_cast<double>(options.side);
  // Small objects as often as large ones.
  const double share = options.min_size * std::pow(options.max_size / options.min_size, rng.uniform());
  const io::Image& object = draw(objects, rng);
  Layer layer =
      place(object,
            {.size = share * side,
             .angle = rng.below(2) ? rng.uniform(-std::numbers::pi, std::numbers::pi) : rng.uniform(-0.3, 0.3),
             .mirror = rng.below(2) == 1,
             .centre_x = rng.uniform(0.1, 0.9) * side,
             .centre_y = rng.uniform(0.1, 0.9) * side},
            options.side);
  layer.colour = jitter_colour(layer.colour, options.jitter, rng);
  const double strength = rng.uniform(0, options.harmonise);
  const Moments around = moments(backdrop, blur(layer.alpha, side / 20)), own = moments(layer.colour, layer.alpha);
  const at::Tensor matched =
      (layer.colour - own.mean) * (around.std / own.std.clamp_min(0.02)).clamp(0.3, 2.0) + around.mean;
  layer.colour = (layer.colour + (matched - layer.colour) * strength).clamp(0, 1);
  return layer;
}

// One attempt; count 0 where no object is visible enough.
Scene compose(std::span<const StockPicture> objects, std::span<const StockPicture> backgrounds,
              const SceneOptions& options, Rng& rng) {
  at::Tensor image = backgrounds.empty() || rng.uniform() < options.texture_share
                         ? draw_texture(options.side, rng)
                         : draw_backdrop(draw(backgrounds, rng), options.side, options.jitter, rng);
  at::Tensor ids = at::zeros({options.side, options.side}, at::kByte);
  std::vector<double> whole;
  for (int64_t wanted = 1 + rng.below(options.max_objects); wanted > 0; --wanted) {
    const Layer layer = draw_layer(objects, image, options, rng);
    const at::Tensor mask = layer.alpha.squeeze(0).gt(0.5);
    image = over(layer.colour, layer.alpha, image);
    whole.push_back(mask.sum().item<double>());
    ids.masked_fill_(mask, static_cast<int64_t>(whole.size()));
  }
  // What is mostly hidden or hardly there belongs to the background, and the rest is numbered anew.
  Scene scene{.image = (image * 255).round_().clamp_(0, 255).to(at::kByte), .objects = at::zeros_like(ids)};
  const auto pixels = static_cast<double>(options.side * options.side);
  for (size_t i = 0; i < whole.size(); ++i) {
    const at::Tensor visible = ids.eq(static_cast<int64_t>(i + 1));
    const auto area = visible.sum().item<double>();
    if (area < options.min_area * pixels || area < options.min_visible * whole[i]) continue;
    scene.objects.masked_fill_(visible, ++scene.count);
  }
  return scene;
}

}  // namespace

void SceneOptions::validate() const {
  if (side < 16) throw UsageError({.what = "must be at least 16 pixels", .field = "side"});
  if (max_objects < 1 || max_objects > 255) throw UsageError({.what = "must be 1 to 255", .field = "max_objects"});
  if (!(min_size > 0 && min_size <= max_size && max_size <= 4))
    throw UsageError({.what = "is not a range above 0", .field = "size", .mend = "give min <= max"});
  for (const auto& [field, value] : {std::pair{"texture_share", texture_share},
                                     {"jitter", jitter},
                                     {"harmonise", harmonise},
                                     {"min_area", min_area},
                                     {"min_visible", min_visible}}) {
    if (!(value >= 0 && value <= 1)) throw UsageError({.what = "must lie in 0 to 1", .field = field});
  }
}

Scene compose_scene(std::span<const StockPicture> objects, std::span<const StockPicture> backgrounds,
                    const SceneOptions& options, Rng& rng) {
  if (objects.empty()) throw Error({.what = "a scene needs at least one object"});
  constexpr int kTries = 100;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    Scene scene = compose(objects, backgrounds, options, rng);
    if (scene.count > 0) return scene;
  }
  throw Error({.what = "no object was visible in " + std::to_string(kTries) + " scenes",
               .mend = "give larger objects, or a smaller min_area"});
}

}  // namespace cambium::data::composite
