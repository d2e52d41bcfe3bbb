#include "data/augment.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "core/error.h"
#include "io/image_tensor.h"

namespace cambium::data {

void RandomResizedCropOptions::validate() const {
  if (size <= 0) throw UsageError({.what = "must be at least 1 pixel", .field = "size"});
  if (!(min_scale > 0 && min_scale <= max_scale && max_scale <= 1)) {
    throw UsageError({.what = "must be two numbers with 0 < min <= max <= 1", .field = "scale"});
  }
  if (!(min_ratio > 0 && min_ratio <= max_ratio && std::isfinite(max_ratio))) {
    throw UsageError({.what = "must be two numbers with 0 < min <= max", .field = "ratio"});
  }
}

CropWindow draw_crop(int64_t width, int64_t height, const RandomResizedCropOptions& options, Rng& rng) {
  // std::nearbyint rounds half to even, as Python's round does.
  const auto rounded = [](double x) { return static_cast<int64_t>(std::nearbyint(x)); };
  const auto area = static_cast<double>(width * height);
  const double low = std::log(options.min_ratio), high = std::log(options.max_ratio);
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    const double target = area * rng.uniform(options.min_scale, options.max_scale);
    const double ratio = std::exp(rng.uniform(low, high));
    CropWindow window{.width = rounded(std::sqrt(target * ratio)), .height = rounded(std::sqrt(target / ratio))};
    if (window.width <= 0 || window.width > width || window.height <= 0 || window.height > height) continue;
    window.top = rng.below(height - window.height + 1);
    window.left = rng.below(width - window.width + 1);
    return window;
  }
  // A picture much longer than wide (or wider than long): the middle, at the nearest allowed ratio.
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  CropWindow window{.width = width, .height = height};
  if (ratio < options.min_ratio) {
    window.height = std::clamp<int64_t>(rounded(static_cast<double>(width) / options.min_ratio), 1, height);
  } else if (ratio > options.max_ratio) {
    window.width = std::clamp<int64_t>(rounded(static_cast<double>(height) * options.max_ratio), 1, width);
  }
  window.top = (height - window.height) / 2;
  window.left = (width - window.width) / 2;
  return window;
}

io::Image random_resized_crop(const io::Image& image, const RandomResizedCropOptions& options, Rng& rng) {
  const CropWindow window = draw_crop(image.width, image.height, options, rng);
  return io::resized_crop(image, window.left, window.top, window.width, window.height, options.size, options.size,
                          options.filter);
}

at::Tensor stack_images(std::span<const io::Image> images) {
  if (images.empty()) throw Error({.what = "a batch needs at least one picture"});
  const io::Image& first = images.front();
  const auto batch = static_cast<int64_t>(images.size());
  at::Tensor out = at::empty({batch, 3, first.height, first.width}, at::kByte);  // [B, 3, H, W]
  auto* bytes = out.mutable_data_ptr<uint8_t>();
  for (const io::Image& image : images) {
    if (image.channels != 3 || image.width != first.width || image.height != first.height) {
      throw Error({.what = "a batch holds pictures of " + std::to_string(first.width) + " x " +
                           std::to_string(first.height) + " x 3, and one of " + std::to_string(image.width) + " x " +
                           std::to_string(image.height) + " x " + std::to_string(image.channels)});
    }
    io::copy_planar(image, bytes);
    bytes += 3 * first.height * first.width;
  }
  return out;
}

}  // namespace cambium::data
