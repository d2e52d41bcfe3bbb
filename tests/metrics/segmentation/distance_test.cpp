#include "metrics/segmentation/distance.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/random.h"

namespace cambium::metrics {
namespace {

struct Nearest {
  int64_t squared = std::numeric_limits<int64_t>::max(), place = -1;
};

// By trying every foreground pixel, column by column from the left, each from the top: the first of the nearest is
// kept.
Nearest by_trying(const std::vector<uint8_t>& mask, int64_t height, int64_t width, int64_t y, int64_t x) {
  Nearest best;
  for (int64_t column = 0; column < width; ++column) {
    for (int64_t row = 0; row < height; ++row) {
      if (!mask[static_cast<size_t>(row * width + column)]) continue;
      const int64_t squared = (row - y) * (row - y) + (column - x) * (column - x);
      if (squared < best.squared) best = {squared, row * width + column};
    }
  }
  return best;
}

void expect_exact(const std::vector<uint8_t>& mask, int64_t height, int64_t width) {
  DistanceTransform transform(mask.data(), height, width);
  DistanceTransform::Row row;
  for (int64_t y = height - 1; y >= 0; --y) {
    transform.row(y, row);
    for (int64_t x = 0; x < width; ++x) {
      const Nearest nearest = by_trying(mask, height, width, y, x);
      ASSERT_EQ(row.squared[static_cast<size_t>(x)], nearest.squared) << y << ", " << x;
      ASSERT_EQ(row.nearest[static_cast<size_t>(x)], nearest.place)
          << y << ", " << x << " of " << height << " x " << width;
    }
  }
}

TEST(DistanceTransform, NearestForegroundWithTiesByColumnThenRow) {
  Rng rng(3);
  for (int i = 0; i < 60; ++i) {
    const int64_t height = 1 + rng.below(24), width = 1 + rng.below(24);
    const double density = rng.uniform(0.01, 0.5);
    std::vector<uint8_t> mask(static_cast<size_t>(height * width));
    for (uint8_t& pixel : mask) pixel = rng.uniform() < density;
    mask[static_cast<size_t>(rng.below(height * width))] = 1;
    expect_exact(mask, height, width);
  }
}

TEST(DistanceTransform, RegularGridsAreFullOfTies) {
  for (const int64_t step : {2, 3, 4}) {
    std::vector<uint8_t> mask(17 * 19);
    for (int64_t y = 0; y < 17; y += step) {
      for (int64_t x = 0; x < 19; x += step) mask[static_cast<size_t>(y * 19 + x)] = 1;
    }
    expect_exact(mask, 17, 19);
  }
}

TEST(DistanceTransform, OnePixelAndNone) {
  expect_exact({1}, 1, 1);
  EXPECT_FALSE(DistanceTransform(std::vector<uint8_t>(12).data(), 3, 4).any());
}

// scipy's answer, distance_transform_edt(mask == 0, return_indices=True), where all corners tie.
TEST(DistanceTransform, CentreBetweenFourCorners) {
  const std::vector<uint8_t> mask = {1, 0, 1, 0, 0, 0, 1, 0, 1};
  DistanceTransform transform(mask.data(), 3, 3);
  DistanceTransform::Row row;
  transform.row(1, row);
  EXPECT_EQ(row.squared, (std::vector<int64_t>{1, 2, 1}));
  EXPECT_EQ(row.nearest, (std::vector<int64_t>{0, 0, 2}));
}

}  // namespace
}  // namespace cambium::metrics
