#pragma once
// Between pictures and tensors.
#include <ATen/core/Tensor.h>

#include "io/image.h"

namespace cambium::io {

// u8 [C, H, W] from interleaved pixels.
at::Tensor to_tensor(const Image& image);
// Writes the pixels as [C, H, W] at `out`, which holds channels * height * width bytes: for assembling batches.
void copy_planar(const Image& image, uint8_t* out);
// f32 in [0, 1]: u8 / 255, any shape; torchvision's ToTensor.
at::Tensor to_unit_float(const at::Tensor& bytes);
// From u8, or from floating point in [0, 1] (clamped, scaled by 255, rounded half to even), [C, H, W] with C = 1, 3, 4.
Image from_tensor(const at::Tensor& tensor);

}  // namespace cambium::io
