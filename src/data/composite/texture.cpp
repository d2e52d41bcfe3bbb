#include "data/composite/texture.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numbers>

namespace cambium::data::composite {
namespace {

at::Tensor noise(int64_t rows, int64_t columns, Rng& rng) {
  at::Tensor out = at::empty({1, 1, rows, columns});
  auto* values = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows * columns; ++i) values[i] = static_cast<float>(rng.uniform());
  return out;
}

// Octaves of smooth noise, each half as strong and twice as fine. -> [side, side]
at::Tensor clouds(int64_t side, Rng& rng) {
  at::Tensor sum = at::zeros({side, side});
  int64_t cells = 2 + rng.below(9);
  const int64_t stretch = 1 + rng.below(3);  // grain along one direction
  double weight = 1;
  for (int64_t octave = 1 + rng.below(4); octave > 0; --octave) {
    const at::Tensor coarse = noise(std::min(cells, side), std::min(std::max<int64_t>(2, cells / stretch), side), rng);
    sum += at::upsample_bicubic2d(coarse, {side, side}, false).squeeze(0).squeeze(0) * weight;
    weight *= rng.uniform(0.4, 0.9);
    cells *= 2;
  }
  return rng.below(2) ? sum.t().contiguous() : sum;
}

// Bands across a random direction, bent by noise. -> [side, side]
at::Tensor stripes(int64_t side, Rng& rng) {
  const double angle = rng.uniform(0, std::numbers::pi), period = rng.uniform(0.04, 0.4) * static_cast<double>(side);
  const double bend = rng.uniform(0, 1.5);
  at::Tensor out = at::upsample_bicubic2d(noise(4, 4, rng), {side, side}, false).squeeze(0).squeeze(0).contiguous();
  auto* values = out.mutable_data_ptr<float>();
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x) {
      const double along =
          (static_cast<double>(x) * std::cos(angle) + static_cast<double>(y) * std::sin(angle)) / period;
      float& value = values[y * side + x];
      value = static_cast<float>(0.5 + 0.5 * std::sin(2 * std::numbers::pi * (along + bend * value)));
    }
  }
  return out;
}

// Distance to the nearest of a few dozen points, or which one it is: pebbles and tiles. -> [side, side]
at::Tensor cells(int64_t side, Rng& rng) {
  struct Seed {
    double x, y, tone;
  };
  std::vector<Seed> seeds(static_cast<size_t>(8 + rng.below(56)));
  for (Seed& seed : seeds)
    seed = {rng.uniform() * static_cast<double>(side), rng.uniform() * static_cast<double>(side), rng.uniform()};
  const bool flat = rng.below(2) == 1;
  const double radius = static_cast<double>(side) / std::sqrt(static_cast<double>(seeds.size()));
  at::Tensor out = at::empty({side, side});
  auto* values = out.mutable_data_ptr<float>();
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x) {
      double best = 1e9, tone = 0;
      for (const Seed& seed : seeds) {
        const double dx = static_cast<double>(x) - seed.x, dy = static_cast<double>(y) - seed.y,
                     distance = dx * dx + dy * dy;
        if (distance < best) best = distance, tone = seed.tone;
      }
      values[y * side + x] = static_cast<float>(flat ? tone : std::sqrt(best) / radius);
    }
  }
  return out;
}

at::Tensor colour(Rng& rng) {
  at::Tensor out = at::empty({3, 1, 1});
  const double light = rng.uniform(0.1, 0.9), spread = rng.uniform(0, 0.35);
  for (int64_t channel = 0; channel < 3; ++channel) {
    out.mutable_data_ptr<float>()[channel] =
        static_cast<float>(std::clamp(light + rng.uniform(-spread, spread), 0.0, 1.0));
  }
  return out;
}

}  // namespace

at::Tensor draw_texture(int64_t side, Rng& rng) {
  const auto draw = [&] {
    switch (rng.below(4)) {
      case 0:
        return stripes(side, rng);
      case 1:
        return cells(side, rng);
      default:
        return clouds(side, rng);
    }
  };
  at::Tensor pattern = draw();
  if (rng.below(2)) {
    const double weight = rng.uniform(0.2, 0.8);
    pattern = pattern + draw() * weight;
  }
  pattern = (pattern - pattern.min()) / (pattern.max() - pattern.min()).clamp_min(1e-4);
  const at::Tensor first = colour(rng), second = colour(rng);
  at::Tensor out = first + (second - first) * pattern.unsqueeze(0);  // [3, S, S]
  const double grain = rng.uniform(0, 0.06);
  out = out + (noise(side, side, rng).squeeze(0) - 0.5) * (2 * grain);
  return out.clamp_(0, 1);
}

}  // namespace cambium::data::composite
