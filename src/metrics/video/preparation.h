#pragma once
// What the networks behind published figures are given, exactly: sizes, filters and ranges decide FVD and FID as much
// as the networks do, so that a figure is worth nothing without the name of its preparation.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cambium::metrics {

enum class Preparation {
  // FVD of i3d_torchscript.pt (StyleGAN-V's and later scripts with its flags on): each frame squeezed to 224 x 224,
  // bilinear, no antialias; x / 127.5 - 1.
  i3d_resize,
  // FVD of VideoGPT's port: the short side to 224 (the long one rounded up), bilinear, no antialias, the middle cut
  // out;
  // x / 127.5 - 1.
  i3d_crop,
  // FID: 299 x 299, bilinear, no antialias; x / 127.5 - 1. TensorFlow's own resizing (aligned at the corner) is
  // another.
  inception,
  // EfficientNet-Lite0: 224 x 224, bilinear, antialiased; (x - 127) / 128.
  efficientnet_lite0,
};

// "i3d_resize", as options and reports name it; an unknown name is a UsageError that lists them.
Preparation preparation_from_name(const std::string& name);
const char* preparation_name(Preparation preparation);

// frames: [N, 3, H, W], u8 or floating point with values 0 to 255 -> f32 [N, 3, side, side].
at::Tensor prepare_frames(const at::Tensor& frames, Preparation preparation);

}  // namespace cambium::metrics
