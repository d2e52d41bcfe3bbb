#include "metrics/segmentation/moments.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cambium::metrics::segmentation {
namespace {

constexpr int64_t kNumpyBuffer = 8192;  // numbers
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Quadrant {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  int64_t rows() const { return bottom - top; }
  int64_t columns() const { return right - left; }
};

std::array<Quadrant, 4> quadrants(const Mask& mask) {
  const int64_t h = mask.height, w = mask.width, y = mask.split_row, x = mask.split_column;
  return {{{0, y, 0, x}, {0, y, x, w}, {y, h, 0, x}, {y, h, x, w}}};
}

// The sum of n equal numbers as numpy adds them: in pairs of halves down to 128, there in eight lanes.
template <class T>
T numpy_sum(T value, int64_t n) {
  if (n < 8) {
    T sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += value;
    return sum;
  }
  if (n <= 128) {
    T lane = value;
    for (int64_t i = 8; i + 8 <= n; i += 8) lane += value;
    T sum = ((lane + lane) + (lane + lane)) + ((lane + lane) + (lane + lane));
    for (int64_t i = n - n % 8; i < n; ++i) sum += value;
    return sum;
  }
  int64_t half = n / 2;
  half -= half % 8;
  return numpy_sum(value, half) + numpy_sum(value, n - half);
}

// Whether numpy's mean of a constant quadrant is that constant. The original's score of two constant quadrants is 1 if
// so, and 0 if rounding has moved the mean.
template <class T>
bool mean_is_exact(T value, const Quadrant& part, int64_t width) {
  const int64_t count = part.rows() * part.columns();
  // Where memory is one stretch, all at once; else as many whole rows as numpy's buffer holds.
  const bool one_stretch = part.columns() == width || part.rows() == 1;
  const int64_t rows = one_stretch ? part.rows() : std::max<int64_t>(1, kNumpyBuffer / part.columns());
  T sum = 0;
  for (int64_t y = 0; y < part.rows(); y += rows) {
    sum += numpy_sum(value, std::min(rows, part.rows() - y) * part.columns());
  }
  return static_cast<T>(sum / static_cast<T>(count)) == value;
}

// 2 m / (m^2 + 1 + sd).
double object_score(const Moments& part, double mean, bool official) {
  const double deviation = part.count > 1 ? std::sqrt(part.spread / (part.count - 1)) : official ? kNaN : 0;
  return 2 * mean / (mean * mean + 1 + deviation + kEps);
}

// Structural similarity of a quadrant of prediction and mask, without constants.
double similarity(const std::array<Moments, 2>& cells, const Quadrant& part, int64_t width, bool official) {
  const Moments all = cells[0] + cells[1];
  const double n = all.count;
  if (n == 0) return kNaN;
  const double degrees = official ? n - 1 : n - 1 + kEps;
  const double x = all.mean, y = cells[1].count / n;
  const double mixed =
      cells[0].count * cells[1].count / n;  // the mask's spread; the covariance's is this times a difference
  const double var_x = all.spread / degrees, var_y = mixed / degrees;
  const double covariance = mixed * (cells[1].mean - cells[0].mean) / degrees;
  const double alpha = 4 * x * y * covariance, beta = (x * x + y * y) * (var_x + var_y);
  if (alpha != 0) return alpha / (beta + kEps);  // NaN too
  if (beta != 0) return 0;
  return (official ? mean_is_exact(static_cast<float>(x), part, width) : mean_is_exact(x, part, width)) ? 1 : 0;
}

}  // namespace

Moments Moments::operator+(const Moments& other) const {
  if (other.count == 0) return *this;
  if (count == 0) return other;
  const double both = count + other.count, step = other.mean - mean;
  // Weighed by hand, so that equal means stay what they are.
  return {.count = both,
          .mean = step == 0 ? mean : mean + step * (other.count / both),
          .spread = spread + other.spread + step * step * (count * other.count / both)};
}

LevelCounts count_levels(const LevelMap& map, const Mask& mask) {
  LevelCounts counts{};
  // Neighbours often share a level: two counters, so that one need not wait for the other.
  std::array<std::array<int32_t, 512>, 2> row{};
  const auto stretch = [&](int64_t y, int64_t from, int64_t to) {
    const uint8_t* levels = map.levels + y * mask.width;
    const uint8_t* foreground = mask.foreground.data() + y * mask.width;
    int64_t x = from;
    for (; x + 2 <= to; x += 2) {
      ++row[0][static_cast<size_t>(foreground[x]) << 8 | levels[x]];
      ++row[1][static_cast<size_t>(foreground[x + 1]) << 8 | levels[x + 1]];
    }
    if (x < to) ++row[0][static_cast<size_t>(foreground[x]) << 8 | levels[x]];
  };
  const auto parts = quadrants(mask);
  for (size_t q = 0; q < parts.size(); ++q) {
    for (auto& lane : row) lane.fill(0);
    for (int64_t y = parts[q].top; y < parts[q].bottom; ++y) stretch(y, parts[q].left, parts[q].right);
    for (size_t i = 0; i < 512; ++i) counts[q][i >> 8][i & 255] = int64_t{row[0][i]} + row[1][i];
  }
  return counts;
}

Cells cells_of(const LevelMap& map, const LevelCounts& counts) {
  Cells cells{};
  for (size_t q = 0; q < 4; ++q) {
    for (size_t g = 0; g < 2; ++g) {
      const auto& levels = counts[q][g];
      Moments& cell = cells[q][g];
      double sum = 0;
      int64_t used = 0;
      for (size_t level = 0; level < 256; ++level) {
        cell.count += static_cast<double>(levels[level]);
        sum += static_cast<double>(levels[level]) * map.value[level];
        used += levels[level] > 0;
      }
      if (cell.count == 0) continue;
      cell.mean = sum / cell.count;
      if (used == 1)
        cell.mean = map.value[static_cast<size_t>(
            std::find_if(levels.begin(), levels.end(), [](int64_t n) { return n > 0; }) - levels.begin())];
      for (size_t level = 0; level < 256; ++level) {
        const double step = map.value[level] - cell.mean;
        cell.spread += static_cast<double>(levels[level]) * step * step;
      }
    }
  }
  return cells;
}

Cells cells_of(const FloatMap& map, const Mask& mask) {
  Cells cells{};
  const auto parts = quadrants(mask);
  for (size_t q = 0; q < parts.size(); ++q) {
    const auto each = [&](const auto& use) {
      for (int64_t y = parts[q].top; y < parts[q].bottom; ++y) {
        for (int64_t i = y * mask.width + parts[q].left; i < y * mask.width + parts[q].right; ++i)
          use(cells[q][mask.foreground[static_cast<size_t>(i)]], map[i]);
      }
    };
    // About the first value, so that a constant part has no spread.
    std::array<double, 2> first{};
    each([&](Moments& cell, double value) {
      double& base = first[static_cast<size_t>(&cell - cells[q].data())];
      if (cell.count == 0) base = value;
      ++cell.count;
      cell.mean += value - base;
    });
    for (size_t g = 0; g < 2; ++g) {
      if (cells[q][g].count > 0) cells[q][g].mean = first[g] + cells[q][g].mean / cells[q][g].count;
    }
    each([](Moments& cell, double value) { cell.spread += (value - cell.mean) * (value - cell.mean); });
  }
  return cells;
}

double s_measure(const Cells& cells, const Mask& mask, bool official) {
  std::array<Moments, 2> total{};
  for (const auto& cell : cells) {
    for (size_t g = 0; g < 2; ++g) total[g] = total[g] + cell[g];
  }
  const auto pixels = static_cast<double>(mask.pixels()), share = static_cast<double>(mask.count) / pixels;
  if (mask.count == 0) return 1 - total[0].mean;
  if (mask.count == mask.pixels()) return total[1].mean;

  const double object = object_score(total[1], total[1].mean, official) * share +
                        object_score(total[0], 1 - total[0].mean, official) * (1 - share);
  double region = 0, weight_left = 1;
  const auto parts = quadrants(mask);
  for (size_t q = 0; q < parts.size(); ++q) {
    const double weight = q == 3 ? weight_left : static_cast<double>(parts[q].rows() * parts[q].columns()) / pixels;
    weight_left -= weight;
    region += similarity(cells[q], parts[q], mask.width, official) * weight;
  }
  const double s = 0.5 * object + 0.5 * region;
  if (std::isnan(s)) return official ? 0 : s;
  return std::max(0.0, s);
}

}  // namespace cambium::metrics::segmentation
