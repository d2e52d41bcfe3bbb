#include "io/outline.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace cambium::io {
namespace {

// Pixels whose middle lies inside by the even-odd rule, over all polygons.
at::Tensor fill(const std::vector<std::vector<Vertex>>& polygons, int64_t height, int64_t width) {
  at::Tensor mask = at::zeros({height, width}, at::kBool);
  for (const auto& polygon : polygons) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        bool inside = false;
        const double py = static_cast<double>(y) + 0.5, px = static_cast<double>(x) + 0.5;
        for (size_t i = 0; i < polygon.size(); ++i) {
          const Vertex &a = polygon[i], &b = polygon[(i + 1) % polygon.size()];
          if ((static_cast<double>(a.y) > py) == (static_cast<double>(b.y) > py)) continue;
          const double t = (py - static_cast<double>(a.y)) / static_cast<double>(b.y - a.y);
          if (static_cast<double>(a.x) + t * static_cast<double>(b.x - a.x) > px) inside = !inside;
        }
        if (inside) mask[y][x] = !mask[y][x].item<bool>();
      }
    }
  }
  return mask;
}

at::Tensor drawing(const std::vector<std::string>& rows) {
  at::Tensor mask = at::zeros({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())}, at::kBool);
  for (size_t y = 0; y < rows.size(); ++y) {
    for (size_t x = 0; x < rows[y].size(); ++x)
      mask[static_cast<int64_t>(y)][static_cast<int64_t>(x)] = rows[y][x] == '#';
  }
  return mask;
}

TEST(Outline, OfARectangleIsItsCorners) {
  const auto polygons = outline(drawing({"......", "..###.", "..###.", "......"}));
  ASSERT_EQ(polygons.size(), 1u);
  EXPECT_EQ(polygons[0], (std::vector<Vertex>{{2, 1}, {5, 1}, {5, 3}, {2, 3}}));
  EXPECT_EQ(polygon_area(polygons[0]), 6);
}

TEST(Outline, FillsToTheMask) {
  for (const at::Tensor& mask :
       {drawing({"#####", "#...#", "#.#.#", "#...#", "#####"}), drawing({"#.#", ".#.", "#.#"}),
        drawing({"########", "#.##..##", "##.#.#.#", "#.##...#", "########"}), drawing({"#"})}) {
    EXPECT_TRUE(at::equal(fill(outline(mask), mask.size(0), mask.size(1)), mask)) << mask;
  }
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const double share = 0.2 + 0.035 * static_cast<double>(seed);
    const at::Tensor mask = at::rand({13, 17}, make_generator(seed), at::kFloat) < share;
    const auto polygons = outline(mask);
    EXPECT_TRUE(at::equal(fill(polygons, 13, 17), mask)) << mask;
    double area = 0;
    for (const auto& polygon : polygons) area += polygon_area(polygon);
    EXPECT_EQ(area, mask.sum().item<double>());
  }
  EXPECT_TRUE(outline(at::zeros({4, 4})).empty());
}

TEST(Outline, LeavesOutSpecksAndHasDiagonalNeighboursTogether) {
  const at::Tensor mask = drawing({"##...", "##..#", "..#..", "..#.."});
  ASSERT_EQ(outline(mask).size(), 2u);
  EXPECT_EQ(outline(mask, {.min_area = 2}).size(), 1u);
}

TEST(Outline, IsSimplifiedWithinTheTolerance) {
  const at::Tensor range = at::arange(100, at::kFloat) - 49.5;
  const at::Tensor mask = range.square().unsqueeze(1) + range.square() < 40 * 40;
  const auto exact = outline(mask), simple = outline(mask, {.tolerance = 1.0});
  ASSERT_EQ(simple.size(), 1u);
  EXPECT_LT(simple[0].size(), exact[0].size() / 4);
  EXPECT_NEAR(polygon_area(simple[0]), polygon_area(exact[0]), 0.03 * polygon_area(exact[0]));
  for (const auto& v : simple[0]) {  // vertices are a subset
    EXPECT_NE(std::find(exact[0].begin(), exact[0].end(), v), exact[0].end());
  }
  EXPECT_EQ(outline(drawing({"#"}), {.tolerance = 5.0})[0].size(), 4u);
}

TEST(Outline, TakesOneMask) { EXPECT_THROW(outline(at::ones({1, 4, 4})), Error); }

}  // namespace
}  // namespace cambium::io
