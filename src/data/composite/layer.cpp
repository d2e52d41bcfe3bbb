#include "data/composite/layer.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/replication_pad2d.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "io/image_tensor.h"
#include "io/resize.h"

namespace cambium::data::composite {

Layer place(const io::Image& cutout, const Placement& placement, int64_t side) {
  const double scale = placement.size / static_cast<double>(std::max(cutout.width, cutout.height));
  const auto sized = [&](int64_t length) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(length) * scale));
  };
  const int64_t w = sized(cutout.width), h = sized(cutout.height);
  const at::Tensor rgba =
      io::to_unit_float(io::to_tensor(io::resize(cutout, w, h, io::Filter::bilinear)));  // [4, h, w]
  const at::Tensor premultiplied = at::cat({rgba.slice(0, 0, 3) * rgba.slice(0, 3), rgba.slice(0, 3)}).contiguous();

  const float* source = premultiplied.const_data_ptr<float>();
  at::Tensor out = at::zeros({4, side, side});
  auto* target = out.mutable_data_ptr<float>();
  const double c = std::cos(placement.angle), s = std::sin(placement.angle);
  const int64_t plane = h * w, canvas = side * side;
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x) {
      // From the canvas back into the cut-out: undo the move, the shear, the squash, the rotation, the mirror.
      const double v0 = (static_cast<double>(y) + 0.5 - placement.centre_y) / placement.squash;
      const double u0 = static_cast<double>(x) + 0.5 - placement.centre_x -
                        placement.shear * (static_cast<double>(y) + 0.5 - placement.centre_y);
      double u = c * u0 - s * v0;
      const double v = s * u0 + c * v0;
      if (placement.mirror) u = -u;
      const double fx = u + static_cast<double>(w) / 2 - 0.5, fy = v + static_cast<double>(h) / 2 - 0.5;
      const auto left = static_cast<int64_t>(std::floor(fx)), top = static_cast<int64_t>(std::floor(fy));
      if (left < -1 || top < -1 || left >= w || top >= h) continue;
      const double ax = fx - static_cast<double>(left), ay = fy - static_cast<double>(top);
      for (int64_t corner = 0; corner < 4; ++corner) {
        const int64_t column = left + (corner & 1), row = top + (corner >> 1);
        if (column < 0 || row < 0 || column >= w || row >= h) continue;
        const auto weight = static_cast<float>(((corner & 1) ? ax : 1 - ax) * ((corner >> 1) ? ay : 1 - ay));
        for (int64_t channel = 0; channel < 4; ++channel) {
          target[channel * canvas + y * side + x] += weight * source[channel * plane + row * w + column];
        }
      }
    }
  }
  const at::Tensor alpha = out.slice(0, 3).contiguous();
  return {.colour = (out.slice(0, 0, 3) / alpha.clamp_min(1e-4)).clamp_(0, 1), .alpha = alpha.clamp(0, 1)};
}

at::Tensor jitter_colour(const at::Tensor& x, double jitter, Rng& rng) {
  const auto draw = [&](double range) { return static_cast<float>(rng.uniform(-range, range)); };
  const float gain = draw(jitter), lift = draw(jitter / 2);
  at::Tensor gains = at::empty({3, 1, 1}), lifts = at::empty({3, 1, 1});
  for (int64_t channel = 0; channel < 3; ++channel) {
    gains.mutable_data_ptr<float>()[channel] = 1 + gain + draw(jitter / 3);
    lifts.mutable_data_ptr<float>()[channel] = lift + draw(jitter / 6);
  }
  return (x * gains + lifts).clamp_(0, 1);
}

at::Tensor draw_backdrop(const io::Image& picture, int64_t side, double jitter, Rng& rng) {
  const int64_t most = std::min(picture.width, picture.height), least = std::min(most, std::max(side, most * 2 / 5));
  const int64_t window = least + rng.below(most - least + 1);
  const int64_t left = rng.below(picture.width - window + 1), top = rng.below(picture.height - window + 1);
  at::Tensor out = io::to_unit_float(
      io::to_tensor(io::resized_crop(picture, left, top, window, window, side, side, io::Filter::bilinear)));
  if (rng.below(2)) out = out.flip({2});
  return jitter_colour(out, jitter, rng);
}

at::Tensor blur(const at::Tensor& x, double sigma) {
  const auto radius = static_cast<int64_t>(std::ceil(2.5 * sigma));
  if (radius < 1) return x;
  std::vector<float> taps;
  for (int64_t i = -radius; i <= radius; ++i)
    taps.push_back(static_cast<float>(std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma))));
  at::Tensor kernel = at::tensor(taps);
  kernel = kernel / kernel.sum();
  const int64_t length = 2 * radius + 1;
  // Channels as the batch: one kernel serves all.
  const at::Tensor padded =
      at::replication_pad2d(x.unsqueeze(1), {radius, radius, radius, radius});  // [C, 1, H + 2r, W + 2r]
  return at::conv2d(at::conv2d(padded, kernel.view({1, 1, 1, length})), kernel.view({1, 1, length, 1})).squeeze(1);
}

at::Tensor shift(const at::Tensor& x, int64_t dx, int64_t dy) { return at::roll(x, {dy, dx}, {1, 2}); }

at::Tensor over(const at::Tensor& above, const at::Tensor& alpha, const at::Tensor& below) {
  return below + (above - below) * alpha;
}

Moments moments(const at::Tensor& x, const at::Tensor& weight) {
  const at::Tensor total = weight.sum().clamp_min(1e-6);
  const at::Tensor mean = (x * weight).sum({1, 2}, /*keepdim=*/true) / total;  // [3, 1, 1]
  return {.mean = mean, .std = ((x - mean).square() * weight).sum({1, 2}, true).div(total).sqrt()};
}

}  // namespace cambium::data::composite
