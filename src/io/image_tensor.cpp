#include "io/image_tensor.h"

#include <ATen/ops/empty.h>

#include "core/error.h"

namespace cambium::io {

at::Tensor to_tensor(const Image& image) {
  at::Tensor tensor = at::empty({image.channels, image.height, image.width}, at::kByte);
  copy_planar(image, tensor.mutable_data_ptr<uint8_t>());
  return tensor;
}

void copy_planar(const Image& image, uint8_t* out) {
  const int64_t count = image.width * image.height;
  const uint8_t* in = image.pixels.data();
  if (image.channels == 3) {
    uint8_t* red = out;
    uint8_t* green = out + count;
    uint8_t* blue = out + 2 * count;
    for (int64_t i = 0; i < count; ++i, in += 3) {
      red[i] = in[0];
      green[i] = in[1];
      blue[i] = in[2];
    }
    return;
  }
  for (int64_t c = 0; c < image.channels; ++c) {
    for (int64_t i = 0; i < count; ++i) out[c * count + i] = in[i * image.channels + c];
  }
}

at::Tensor to_unit_float(const at::Tensor& bytes) { return bytes.to(at::kFloat).div_(255); }

Image from_tensor(const at::Tensor& tensor) {
  const auto channels = tensor.dim() == 3 ? tensor.size(0) : 0;
  if (channels != 1 && channels != 3 && channels != 4) {
    std::string shape;
    for (const int64_t side : tensor.sizes()) shape += (shape.empty() ? "" : ", ") + std::to_string(side);
    throw Error({.what = "a tensor of shape [" + shape + "] is no picture, expected [C, H, W] with C = 1, 3 or 4"});
  }
  at::Tensor bytes = tensor.detach().to(at::kCPU);
  if (bytes.scalar_type() != at::kByte) {
    bytes = bytes.to(at::kFloat).nan_to_num(0).clamp_(0, 1).mul_(255).round_().to(at::kByte);
  }
  bytes = bytes.permute({1, 2, 0}).contiguous();  // [H, W, C]
  Image image(bytes.size(1), bytes.size(0), channels);
  const uint8_t* data = bytes.const_data_ptr<uint8_t>();
  std::copy(data, data + image.pixels.size(), image.pixels.begin());
  return image;
}

}  // namespace cambium::io
