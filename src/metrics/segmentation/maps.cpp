#include "metrics/segmentation/maps.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace cambium::metrics::segmentation {
namespace {

constexpr uint8_t kForeground = 128;  // greater ones are

void check_plane(const at::Tensor& tensor, const char* what) {
  if (tensor.dim() != 2 || tensor.numel() == 0) {
    throw Error({.what = std::string("the ") + what + " must be [H, W] with at least one pixel, not of " +
                         std::to_string(tensor.dim()) + " dimensions",
                 .field = what,
                 .mend = "score one picture at a time"});
  }
}

void check_finite(const at::Tensor& prediction) {
  if (!at::isfinite(prediction).all().item<bool>()) {
    throw Error({.what = "the prediction holds values that are not finite",
                 .field = "prediction",
                 .mend = "look for a diverged model"});
  }
}

}  // namespace

Mask read_mask(const at::Tensor& tensor) {
  check_plane(tensor, "mask");
  if (tensor.scalar_type() != at::kByte && tensor.scalar_type() != at::kBool) {
    throw Error({.what = "the mask must be bool or 8-bit", .field = "mask", .mend = "convert it"});
  }
  const at::Tensor bytes = tensor.to(at::kCPU).to(at::kByte).contiguous();
  Mask mask{.height = bytes.size(0),
            .width = bytes.size(1),
            .foreground = std::vector<uint8_t>(static_cast<size_t>(bytes.numel()))};
  const auto* in = bytes.const_data_ptr<uint8_t>();
  const bool ones = std::all_of(in, in + bytes.numel(), [](uint8_t value) { return value <= 1; });
  const uint8_t above = ones ? 0 : kForeground;
  int64_t rows = 0, columns = 0;
  for (int64_t y = 0; y < mask.height; ++y) {
    const uint8_t* from = in + y * mask.width;
    uint8_t* to = mask.foreground.data() + y * mask.width;
    int64_t count = 0, places = 0;
    for (int64_t x = 0; x < mask.width; ++x) {
      to[x] = from[x] > above;
      count += to[x];
      places += to[x] ? x : 0;
    }
    mask.count += count;
    rows += y * count;
    columns += places;
  }
  // std::nearbyint rounds half to even, as numpy does.
  const auto split = [](double mean) { return static_cast<int64_t>(std::nearbyint(mean)) + 1; };
  if (mask.count > 0) {
    const auto count = static_cast<double>(mask.count);
    mask.split_row = split(static_cast<double>(rows) / count);
    mask.split_column = split(static_cast<double>(columns) / count);
  }
  return mask;
}

LevelMap read_levels(const at::Tensor& prediction) {
  check_plane(prediction, "prediction");
  at::Tensor levels = prediction.to(at::kCPU);
  if (levels.scalar_type() != at::kByte) {
    levels = levels.to(at::kFloat);
    check_finite(levels);
    levels = levels.mul(255).round().clamp_(0, 255).to(at::kByte);  // round: half to even
  }
  LevelMap map{.storage = levels.contiguous()};
  map.levels = map.storage.const_data_ptr<uint8_t>();
  const auto [low, high] = std::minmax_element(map.levels, map.levels + map.storage.numel());
  const double smallest = *low / 255.0, largest = *high / 255.0;
  for (size_t level = 0; level < map.value.size(); ++level) {
    const double value = static_cast<double>(level) / 255.0;
    map.value[level] = largest != smallest ? (value - smallest) / (largest - smallest) : value;
  }
  return map;
}

FloatMap read_floats(const at::Tensor& prediction) {
  check_plane(prediction, "prediction");
  at::Tensor floats = prediction.to(at::kCPU).to(at::kFloat);
  if (prediction.scalar_type() == at::kByte) floats = floats.div(255);
  check_finite(floats);
  FloatMap map{.storage = floats.contiguous()};
  map.raw = map.storage.const_data_ptr<float>();
  // The original hands over prediction * 255 and divides by 255 again, in single precision.
  map.value.resize(static_cast<size_t>(map.storage.numel()));
  std::transform(map.raw, map.raw + map.storage.numel(), map.value.begin(),
                 [](float value) { return value * 255.0f / 255.0f; });
  const auto [low, high] = std::minmax_element(map.value.begin(), map.value.end());
  const float smallest = *low, range = *high - *low;
  if (*high != smallest) {
    for (float& value : map.value) value = (value - smallest) / range;
  }
  return map;
}

}  // namespace cambium::metrics::segmentation
