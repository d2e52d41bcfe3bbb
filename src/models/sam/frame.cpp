#include "models/sam/frame.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>

#include "core/error.h"

namespace cambium::sam {

Frame Frame::of(int64_t height, int64_t width, int64_t side) {
  if (height <= 0 || width <= 0 || side <= 0) {
    throw Error({.what = "a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                         " pixels cannot be scaled to " + std::to_string(side)});
  }
  const io::Size size = io::long_side_size(width, height, side);
  return {height, width, std::max<int64_t>(size.height, 1), std::max<int64_t>(size.width, 1), side};
}

io::Image scale(const io::Image& rgb, const Frame& frame) {
  return io::resize(rgb, frame.input_width, frame.input_height, io::Filter::bilinear);
}

at::Tensor scale(const at::Tensor& images, const Frame& frame) {
  return at::_upsample_bilinear2d_aa(images.to(at::kFloat), {frame.input_height, frame.input_width},
                                     /*align_corners=*/false);
}

at::Tensor to_input(const at::Tensor& points, const Frame& frame) {
  const auto number = [](int64_t n) { return static_cast<double>(n); };
  const at::Tensor factors =
      at::tensor({number(frame.input_width) / number(frame.width), number(frame.input_height) / number(frame.height)},
                 at::kDouble);
  return points.to(at::kCPU, at::kDouble) * factors;
}

at::Tensor boxes_to_input(const at::Tensor& boxes, const Frame& frame) {
  return to_input(boxes.unflatten(-1, {2, 2}), frame).flatten(-2);
}

at::Tensor postprocess(const at::Tensor& low_res, const Frame& frame) {
  at::Tensor masks = at::upsample_bilinear2d(low_res.to(at::kFloat), {frame.side, frame.side}, /*align_corners=*/false);
  masks = masks.slice(2, 0, frame.input_height).slice(3, 0, frame.input_width);
  return at::upsample_bilinear2d(masks, {frame.height, frame.width}, /*align_corners=*/false);
}

}  // namespace cambium::sam
