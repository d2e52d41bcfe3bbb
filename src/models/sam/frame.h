#pragma once
// Between a picture and the encoder's input: scaled so that the longest side fills the square, at its top left.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "io/image.h"
#include "io/resize.h"

namespace cambium::sam {

struct Frame {
  int64_t height = 0, width = 0;              // of the picture, in pixels
  int64_t input_height = 0, input_width = 0;  // of the scaled picture
  int64_t side = 0;                           // of the square that it is padded to

  // The scaled sides are int(side * size / longest + 0.5), and never 0 (which the original gives a thread of a
  // picture).
  static Frame of(int64_t height, int64_t width, int64_t side);
};

// Pillow's bilinear filter with its reduction, on 8-bit pixels. RGB; [input_height, input_width]
io::Image scale(const io::Image& rgb, const Frame& frame);
// The same of tensors [B, C, H, W] in float32: close to `scale`, not equal.
at::Tensor scale(const at::Tensor& images, const Frame& frame);

// From the picture's pixels to the input's: x * input_width / width, y * input_height / height. [..., 2] -> float64
// [..., 2]
at::Tensor to_input(const at::Tensor& points, const Frame& frame);
// The same of boxes x0, y0, x1, y1. [..., 4] -> float64 [..., 4]
at::Tensor boxes_to_input(const at::Tensor& boxes, const Frame& frame);

// Logits at the size of the picture: bilinear to the square, cut to the scaled picture, bilinear to the picture.
// low_res [B, n, h, w] -> float32 [B, n, height, width]
at::Tensor postprocess(const at::Tensor& low_res, const Frame& frame);

}  // namespace cambium::sam
