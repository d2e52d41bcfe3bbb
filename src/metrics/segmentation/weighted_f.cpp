#include "metrics/segmentation/weighted_f.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "metrics/segmentation/distance.h"

namespace cambium::metrics::segmentation {
namespace {

constexpr int64_t kReach = 3;  // of the 7 x 7 Gaussian
constexpr int64_t kSize = 2 * kReach + 1;
constexpr double kSigma = 5;
constexpr double kHalving = 5;  // pixels from the foreground in which a false alarm's extra weight rises by half
constexpr size_t kNearEnough = 1 << 16;  // squared distance from which on the weight is 2 to the last bit

// The normalised Gaussian; its outer product with itself is the 7 x 7 one.
std::array<double, kSize> gaussian() {
  std::array<double, kSize> kernel{};
  double sum = 0;
  for (int64_t i = -kReach; i <= kReach; ++i)
    sum += kernel[static_cast<size_t>(i + kReach)] = std::exp(-static_cast<double>(i * i) / (2 * kSigma * kSigma));
  for (double& weight : kernel) weight /= sum;
  return kernel;
}

// 2 - exp(ln(1/2) / 5 * distance), by squared distance.
const std::vector<double>& alarm_weights() {
  static const std::vector<double> weights = [] {
    std::vector<double> out(kNearEnough);
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = 2 - std::exp(std::log(0.5) / kHalving * std::sqrt(static_cast<double>(i)));
    return out;
  }();
  return weights;
}

// Columns of a row that have foreground, first and one past the last; empty: first >= last.
struct Span {
  int64_t first = 0, last = 0;
  bool empty() const { return first >= last; }
};

std::vector<Span> spans_of(const Mask& mask) {
  std::vector<Span> spans(static_cast<size_t>(mask.height));
  for (int64_t y = 0; y < mask.height; ++y) {
    const uint8_t* begin = mask.foreground.data() + y * mask.width;
    const uint8_t* end = begin + mask.width;
    const uint8_t* first = std::find(begin, end, uint8_t{1});
    if (first == end) continue;
    const uint8_t* last = end;
    while (last[-1] == 0) --last;
    spans[static_cast<size_t>(y)] = {first - begin, last - begin};
  }
  return spans;
}

template <class Map>
double weighted_f_of(const Map& map, const Mask& mask, double beta2) {
  if (mask.count == 0) return 0;
  const int64_t height = mask.height, width = mask.width;
  const std::vector<Span> spans = spans_of(mask);
  const std::array<double, kSize> kernel = gaussian();
  const std::vector<double>& weights = alarm_weights();
  DistanceTransform distances(mask.foreground.data(), height, width);
  DistanceTransform::Row nearest;

  // The last seven rows, blurred along the row: a pixel is blurred where the mask has one within reach, the only place
  // that the blur is looked at.
  std::vector<double> error(static_cast<size_t>(width + 2 * kReach));
  std::array<std::vector<double>, kSize> blurred;
  for (auto& row : blurred) row.assign(static_cast<size_t>(width), 0);
  const auto wanted = [&](int64_t y) {
    Span span{width, 0};
    for (int64_t near = std::max<int64_t>(0, y - kReach); near <= std::min(height - 1, y + kReach); ++near) {
      const Span& other = spans[static_cast<size_t>(near)];
      if (other.empty()) continue;
      span = {std::min(span.first, other.first), std::max(span.last, other.last)};
    }
    return span;
  };

  double alarms = 0, misses = 0;  // weighted errors on background and foreground
  for (int64_t y = 0; y < height + kReach; ++y) {
    std::vector<double>& row = blurred[static_cast<size_t>(y % kSize)];
    if (y < height) {
      const int64_t begin = y * width;
      const uint8_t* foreground = mask.foreground.data() + begin;
      distances.row(y, nearest);
      for (int64_t x = 0; x < width; ++x) {
        if (foreground[x]) continue;
        const auto squared = static_cast<size_t>(nearest.squared[static_cast<size_t>(x)]);
        alarms += map[begin + x] * (squared < kNearEnough ? weights[squared] : 2.0);
      }
      // The error, taken on background from the nearest foreground pixel: "to deal correctly with the edges".
      const Span span = wanted(y);
      const int64_t first = std::max<int64_t>(0, span.first - kReach), last = std::min(width, span.last + kReach);
      if (!span.empty()) {
        std::fill(error.begin(), error.end(), 0.0);
        for (int64_t x = first; x < last; ++x)
          error[static_cast<size_t>(x + kReach)] = 1 - map[nearest.nearest[static_cast<size_t>(x)]];
        for (int64_t x = span.first; x < span.last; ++x) {
          const double* at = error.data() + x;
          row[static_cast<size_t>(x)] = kernel[0] * (at[0] + at[6]) + kernel[1] * (at[1] + at[5]) +
                                        kernel[2] * (at[2] + at[4]) + kernel[3] * at[3];
        }
      }
    } else {
      std::fill(row.begin(), row.end(), 0.0);
    }
    const int64_t middle = y - kReach;
    if (middle < 0) continue;
    const Span& span = spans[static_cast<size_t>(middle)];
    std::array<const double*, kSize> rows{};
    for (int64_t i = 0; i < kSize; ++i)
      rows[static_cast<size_t>(i)] = blurred[static_cast<size_t>((middle + i - kReach + kSize) % kSize)].data();
    for (int64_t x = span.first; x < span.last; ++x) {
      if (!mask.foreground[static_cast<size_t>(middle * width + x)]) continue;
      const double blur = kernel[0] * (rows[0][x] + rows[6][x]) + kernel[1] * (rows[1][x] + rows[5][x]) +
                          kernel[2] * (rows[2][x] + rows[4][x]) + kernel[3] * rows[3][x];
      misses += std::min(1 - map[middle * width + x], blur);
    }
  }

  const auto count = static_cast<double>(mask.count);
  const double hits = count - misses, recall = 1 - misses / count, precision = hits / (hits + alarms + kEps);
  return (1 + beta2) * recall * precision / (recall + beta2 * precision + kEps);
}

}  // namespace

double weighted_f(const LevelMap& map, const Mask& mask, double beta2) { return weighted_f_of(map, mask, beta2); }
double weighted_f(const FloatMap& map, const Mask& mask, double beta2) { return weighted_f_of(map, mask, beta2); }

}  // namespace cambium::metrics::segmentation
