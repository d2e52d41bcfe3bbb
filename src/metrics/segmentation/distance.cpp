#include "metrics/segmentation/distance.h"

#include <algorithm>

namespace cambium::metrics {
namespace {

constexpr int32_t kNone = -1;

}  // namespace

DistanceTransform::DistanceTransform(const uint8_t* mask, int64_t height, int64_t width)
    : height_(height),
      width_(width),
      near_(static_cast<size_t>(height * width)),
      stack_(static_cast<size_t>(width)),
      start_(static_cast<size_t>(width)) {
  // Down the columns, a row at a time: the last foreground above.
  std::vector<int32_t> last(static_cast<size_t>(width), kNone);
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* in = mask + y * width;
    int32_t* out = near_.data() + y * width;
    const auto row = static_cast<int32_t>(y);
    for (int64_t x = 0; x < width; ++x)
      out[x] = last[static_cast<size_t>(x)] = in[x] ? row : last[static_cast<size_t>(x)];
  }
  for (int64_t x = 0; x < width; ++x) {
    if (last[static_cast<size_t>(x)] != kNone) columns_.push_back(static_cast<int32_t>(x));
  }
  any_ = !columns_.empty();
  if (!any_) return;
  // And up again: the nearer one, the upper one where both are as near. `far` is further than any row.
  const auto far = static_cast<int32_t>(3 * height);
  std::fill(last.begin(), last.end(), far);
  for (int64_t y = height - 1; y >= 0; --y) {
    const uint8_t* in = mask + y * width;
    int32_t* out = near_.data() + y * width;
    const auto row = static_cast<int32_t>(y);
    for (int64_t x = 0; x < width; ++x) {
      const int32_t below = last[static_cast<size_t>(x)] = in[x] ? row : last[static_cast<size_t>(x)];
      const int32_t above = out[x];
      const bool take_above = above != kNone && row - above <= below - row;
      out[x] = take_above ? above : below;
    }
  }
}

void DistanceTransform::row(int64_t y, Row& out) {
  out.squared.resize(static_cast<size_t>(width_));
  out.nearest.resize(static_cast<size_t>(width_));
  const int32_t* near = near_.data() + y * width_;
  const auto squared_from = [&](int64_t x, int64_t column) {
    const int64_t down = near[column] - y, across = x - column;
    return down * down + across * across;
  };
  // Lower envelope of the columns' parabolas. On a tie the column that came first, the smaller one, keeps its place.
  int64_t top = -1;
  for (const int32_t column : columns_) {
    while (top >= 0 && squared_from(start_[static_cast<size_t>(top)], stack_[static_cast<size_t>(top)]) >
                           squared_from(start_[static_cast<size_t>(top)], column))
      --top;
    if (top < 0) {
      top = 0;
      stack_[0] = column;
      start_[0] = 0;
      continue;
    }
    const int64_t before = stack_[static_cast<size_t>(top)];
    const int64_t g_before = near[before] - y, g = near[column] - y;
    // The last place where `before` is as near. Not negative: `before` is as near at its own start. Exact in double,
    // whose quotient of such whole numbers cannot reach the next one, and faster than whole division.
    const auto above = static_cast<double>(int64_t{column} * column - before * before + g * g - g_before * g_before);
    const int64_t start = 1 + static_cast<int64_t>(above / static_cast<double>(2 * (column - before)));
    if (start >= width_) continue;
    ++top;
    stack_[static_cast<size_t>(top)] = column;
    start_[static_cast<size_t>(top)] = start;
  }
  int64_t end = width_;
  for (; top >= 0; --top) {
    const int64_t column = stack_[static_cast<size_t>(top)];
    const int64_t down = near[column] - y, down2 = down * down, place = near[column] * width_ + column;
    for (int64_t x = start_[static_cast<size_t>(top)]; x < end; ++x) {
      out.squared[static_cast<size_t>(x)] = down2 + (x - column) * (x - column);
      out.nearest[static_cast<size_t>(x)] = place;
    }
    end = start_[static_cast<size_t>(top)];
  }
}

}  // namespace cambium::metrics
