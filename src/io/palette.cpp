#include "io/palette.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace cambium::io {
namespace {

constexpr int kShift = 2, kLevels = 256 >> kShift;
// Green weighs most in what is seen, blue least (Rec. 601, roughly).
constexpr std::array<int, 3> kWeight = {3, 6, 1};

// One occupied cell: its mean colour and how often it occurs.
struct Point {
  std::array<double, 3> colour;
  double count;
};

struct Box {
  size_t begin, end;  // of the points
  double error = 0;   // weighted sum of squares about the mean
  std::array<double, 3> mean = {};
  int longest = 0;  // the channel with the most of the error
};

Box measured(const std::vector<Point>& points, size_t begin, size_t end) {
  Box box{begin, end};
  double count = 0;
  std::array<double, 3> sum = {}, squares = {};
  for (size_t i = begin; i < end; ++i) {
    count += points[i].count;
    for (int c = 0; c < 3; ++c) {
      sum[c] += points[i].count * points[i].colour[c];
      squares[c] += points[i].count * points[i].colour[c] * points[i].colour[c];
    }
  }
  double most = -1;
  for (int c = 0; c < 3; ++c) {
    box.mean[c] = sum[c] / count;
    const double error = kWeight[c] * (squares[c] - sum[c] * box.mean[c]);
    box.error += error;
    if (error > most) {
      most = error;
      box.longest = c;
    }
  }
  return box;
}

// Sorts the box along its longest side and gives the first point behind its mean; both parts hold at least one.
size_t cut(std::vector<Point>& points, const Box& box) {
  const int c = box.longest;
  const auto begin = points.begin() + static_cast<std::ptrdiff_t>(box.begin);
  const auto end = points.begin() + static_cast<std::ptrdiff_t>(box.end);
  std::stable_sort(begin, end, [c](const Point& a, const Point& b) { return a.colour[c] < b.colour[c]; });
  const auto middle = std::find_if(begin, end, [&](const Point& p) { return p.colour[c] > box.mean[c]; });
  const auto at = static_cast<size_t>(middle - points.begin());
  return std::clamp(at, box.begin + 1, box.end - 1);
}

// 0 to 63 in an order that spreads every share evenly (Bayer's 8 x 8 matrix).
int threshold(int64_t x, int64_t y) {
  int value = 0;
  for (int bit = 0; bit < 3; ++bit) {
    const int a = static_cast<int>(x >> bit) & 1, b = static_cast<int>(y >> bit) & 1;
    value |= ((a ^ b) << (5 - 2 * bit)) | (b << (4 - 2 * bit));
  }
  return value;
}

}  // namespace

PaletteBuilder::PaletteBuilder() : cells_(static_cast<size_t>(kLevels) * kLevels * kLevels) {}

void PaletteBuilder::add(const Image& image) {
  if (image.channels != 3) throw Error({.what = "a palette is made of RGB pictures"});
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    const uint8_t* pixel = image.pixels.data() + i;
    Cell& cell = cells_[(static_cast<size_t>(pixel[0] >> kShift) * kLevels + (pixel[1] >> kShift)) * kLevels +
                        (pixel[2] >> kShift)];
    for (int c = 0; c < 3; ++c) cell.sum[c] += pixel[c];
    ++cell.count;
  }
}

std::vector<Colour> PaletteBuilder::build(int count) const {
  std::vector<Point> points;
  for (const Cell& cell : cells_) {
    if (cell.count == 0) continue;
    const auto n = static_cast<double>(cell.count);
    points.push_back({{static_cast<double>(cell.sum[0]) / n, static_cast<double>(cell.sum[1]) / n,
                       static_cast<double>(cell.sum[2]) / n},
                      n});
  }
  std::vector<Box> boxes;
  if (!points.empty()) boxes.push_back(measured(points, 0, points.size()));
  while (std::ssize(boxes) < count && !boxes.empty()) {
    const auto worst = std::max_element(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) {
      return (a.end - a.begin > 1 ? a.error : -1) < (b.end - b.begin > 1 ? b.error : -1);
    });
    if (worst->end - worst->begin < 2 || worst->error <= 0) break;
    const size_t at = cut(points, *worst), end = worst->end;
    *worst = measured(points, worst->begin, at);
    boxes.push_back(measured(points, at, end));
  }
  std::vector<Colour> palette;
  for (const Box& box : boxes) {
    Colour colour;
    for (int c = 0; c < 3; ++c) colour[c] = static_cast<uint8_t>(std::lround(box.mean[c]));
    palette.push_back(colour);
  }
  return palette;
}

PaletteMapper::PaletteMapper(std::vector<Colour> palette) : palette_(std::move(palette)) {
  if (palette_.empty() || palette_.size() > 256) throw Error({.what = "a palette has 1 to 256 colours"});
}

uint8_t PaletteMapper::nearest(const std::array<int, 3>& colour) const {
  int best = 0, least = std::numeric_limits<int>::max();
  for (size_t i = 0; i < palette_.size(); ++i) {
    int distance = 0;
    for (int c = 0; c < 3; ++c) {
      const int off = colour[c] - palette_[i][c];
      distance += kWeight[c] * off * off;
    }
    if (distance < least) {
      least = distance;
      best = static_cast<int>(i);
    }
  }
  return static_cast<uint8_t>(best);
}

// The nearest colour, and the one that gives the pixel best in a mixture with it. Distant colours make a coarse
// pattern: they must gain more than a hundredth of their distance.
const PaletteMapper::Mix& PaletteMapper::mix_of(const uint8_t* pixel) {
  const uint32_t key = static_cast<uint32_t>(pixel[0]) << 16 | static_cast<uint32_t>(pixel[1]) << 8 | pixel[2];
  const auto [place, added] = known_.try_emplace(key);
  Mix& mix = place->second;
  if (!added) return mix;
  mix.first = mix.second = nearest({pixel[0], pixel[1], pixel[2]});
  mix.share = 0;
  const Colour& first = palette_[mix.first];
  double least = 0;  // the squared distance left by the best so far; here without a mixture
  for (int c = 0; c < 3; ++c) least += kWeight[c] * (pixel[c] - first[c]) * (pixel[c] - first[c]);
  const double alone = least;
  for (size_t i = 0; i < palette_.size(); ++i) {
    double along = 0, length = 0;
    for (int c = 0; c < 3; ++c) {
      const double step = palette_[i][c] - first[c];
      along += kWeight[c] * step * (pixel[c] - first[c]);
      length += kWeight[c] * step * step;
    }
    if (along <= 0) continue;
    const double share = std::min(along / length, 0.5);
    const double left = alone - 2 * share * along + share * share * length + length / 100;
    if (left >= least) continue;
    least = left;
    mix.second = static_cast<uint8_t>(i);
    mix.share = static_cast<uint8_t>(std::lround(share * 64));
  }
  return mix;
}

Image PaletteMapper::map(const Image& image) {
  if (image.channels != 3) throw Error({.what = "a palette is made of RGB pictures"});
  Image indices(image.width, image.height, 1);
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* pixel = image.row(y);
    for (int64_t x = 0; x < image.width; ++x, pixel += 3) {
      const Mix& mix = mix_of(pixel);
      indices.row(y)[x] = threshold(x, y) < mix.share ? mix.second : mix.first;
    }
  }
  return indices;
}

}  // namespace cambium::io
