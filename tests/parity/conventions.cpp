#include "parity/conventions.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "parity/fill.h"

namespace cambium::parity {

at::Tensor rnd(std::string_view name, at::IntArrayRef shape, double scale) {
  return ((uniform(name, c10::multiply_integers(shape)) - 0.5f) * 2 * scale).view(shape);
}

at::Tensor summary(const at::Tensor& t) {
  const at::Tensor x = t.detach().to(at::kDouble);
  return at::stack({x.sum(), x.abs().sum(), x.norm(), x.min(), x.max()});
}

io::Image image(int64_t height, int64_t width, int64_t seed) {
  io::Image out(width, height, 3);
  const int64_t radius = std::min(height, width) / 4;
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* row = out.row(y);
    for (int64_t x = 0; x < width; ++x) {
      const int64_t dy = y - height / 2, dx = x - width / 3;
      const bool inside = dy * dy + dx * dx < radius * radius;
      for (int64_t c = 0; c < 3; ++c) {
        const int64_t v = (3 * x + 5 * (c + 1) * y + 7 * (c + 2) * ((x / 8) * (y / 8)) + 11 * c + 29 * seed) % 256;
        row[3 * x + c] = static_cast<uint8_t>(inside ? 255 - v / 4 : v);
      }
    }
  }
  return out;
}

}  // namespace cambium::parity
