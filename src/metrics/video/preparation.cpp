#include "metrics/video/preparation.h"

#include <ATen/ATen.h>

#include <array>

#include "core/error.h"

namespace cambium::metrics {
namespace {

struct Named {
  const char* name;
  Preparation preparation;
};
constexpr std::array kPreparations = {
    Named{"i3d_resize", Preparation::i3d_resize}, Named{"i3d_crop", Preparation::i3d_crop},
    Named{"inception", Preparation::inception}, Named{"efficientnet_lite0", Preparation::efficientnet_lite0}};

constexpr int64_t kI3dSide = 224, kInceptionSide = 299, kEfficientNetSide = 224;

at::Tensor bilinear(const at::Tensor& frames, int64_t height, int64_t width) {
  return at::upsample_bilinear2d(frames, {height, width}, /*align_corners=*/false);
}

// The short side becomes `side`, the long one is rounded up; the middle is kept.
at::Tensor resize_and_crop(const at::Tensor& frames, int64_t side) {
  const int64_t height = frames.size(2), width = frames.size(3), shorter = std::min(height, width);
  const auto scaled = [&](int64_t length) { return (length * side + shorter - 1) / shorter; };
  const at::Tensor resized = bilinear(frames, scaled(height), scaled(width));
  return resized.narrow(2, (resized.size(2) - side) / 2, side).narrow(3, (resized.size(3) - side) / 2, side);
}

}  // namespace

Preparation preparation_from_name(const std::string& name) {
  std::string known;
  for (const Named& entry : kPreparations) {
    if (name == entry.name) return entry.preparation;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw UsageError({.what = "no preparation is called \"" + name + "\"", .mend = "choose from " + known});
}

const char* preparation_name(Preparation preparation) {
  for (const Named& entry : kPreparations) {
    if (entry.preparation == preparation) return entry.name;
  }
  return "";
}

at::Tensor prepare_frames(const at::Tensor& frames, Preparation preparation) {
  if (frames.dim() != 4 || frames.size(1) != 3 || frames.numel() == 0)
    throw Error({.what = "expected frames [N, 3, H, W]", .field = "frames", .mend = "give RGB frames"});
  const at::Tensor x = frames.to(at::kFloat);
  switch (preparation) {
    case Preparation::i3d_resize:
      return bilinear(x, kI3dSide, kI3dSide) / 127.5 - 1;
    case Preparation::i3d_crop:
      return resize_and_crop(x, kI3dSide).contiguous() / 127.5 - 1;
    case Preparation::inception:
      return bilinear(x, kInceptionSide, kInceptionSide) / 127.5 - 1;
    case Preparation::efficientnet_lite0:
      return (at::_upsample_bilinear2d_aa(x, {kEfficientNetSide, kEfficientNetSide}, /*align_corners=*/false) - 127) /
             128;
  }
  return x;
}

}  // namespace cambium::metrics
