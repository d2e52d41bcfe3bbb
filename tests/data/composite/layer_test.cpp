#include "data/composite/layer.h"

#include <gtest/gtest.h>

#include <numbers>

#include "data/composite/toy_pictures.h"

namespace cambium::data::composite {
namespace {

TEST(Layer, PlacesADiscWhereItIsToldTo) {
  const Layer layer = place(disc(40, {255, 0, 0}), {.size = 20, .centre_x = 40, .centre_y = 20}, 64);
  EXPECT_EQ(layer.colour.sizes(), at::IntArrayRef({3, 64, 64}));
  EXPECT_EQ(layer.alpha.sizes(), at::IntArrayRef({1, 64, 64}));
  const double area = layer.alpha.sum().item<double>();
  EXPECT_NEAR(area, std::numbers::pi * 9.75 * 9.75, 4);  // the disc reaches 19.5 of 20 pixels
  const at::Tensor inside = layer.alpha.squeeze(0).gt(0.5).nonzero().to(at::kDouble);
  EXPECT_NEAR((inside.select(1, 0) + 0.5).mean().item<double>(), 20, 0.2);
  EXPECT_NEAR((inside.select(1, 1) + 0.5).mean().item<double>(), 40, 0.2);
  // Premultiplied weights: the edge is as red as the middle.
  EXPECT_GT(layer.colour[0].masked_select(layer.alpha[0].gt(0.05)).min().item<double>(), 0.97);
}

TEST(Layer, TurnsAnticlockwiseAndMirrors) {
  // A bar along the upper edge.
  io::Image bar(32, 32, 4);
  for (int64_t y = 0; y < 8; ++y) std::fill_n(bar.row(y), 32 * 4, uint8_t{255});
  const auto centre = [&](const Placement& p) {
    const at::Tensor inside = place(bar, p, 64).alpha.squeeze(0).gt(0.5).nonzero().to(at::kDouble).mean(0);
    return std::pair{inside[1].item<double>(), inside[0].item<double>()};  // x, y
  };
  const Placement still{.size = 32, .centre_x = 32, .centre_y = 32};
  EXPECT_NEAR(centre(still).second, 19.5, 0.3);
  Placement turned = still;
  turned.angle = std::numbers::pi / 2;
  EXPECT_NEAR(centre(turned).first, 19.5, 0.3);  // the top goes to the left
  EXPECT_NEAR(centre(turned).second, 31.5, 0.3);
  turned.mirror = true;
  EXPECT_NEAR(centre(turned).first, 19.5, 0.3);  // mirrored before it is turned: the bar is symmetric
  Placement squashed = still;
  squashed.squash = 0.5;
  EXPECT_NEAR(centre(squashed).second, 25.5, 0.3);
}

TEST(Layer, BlurKeepsTheMeanAndFlatPictures) {
  Rng rng(1);
  const at::Tensor flat = at::full({3, 20, 20}, 0.25);
  EXPECT_TRUE(at::allclose(blur(flat, 2), flat, 0, 1e-6));
  at::Tensor point = at::zeros({1, 41, 41});
  point[0][20][20] = 1;
  const at::Tensor soft = blur(point, 2);
  EXPECT_NEAR(soft.sum().item<double>(), 1, 1e-5);
  EXPECT_NEAR(soft[0][20][20].item<double>(), 1 / (2 * std::numbers::pi * 4), 3e-3);
  EXPECT_TRUE(at::equal(blur(point, 0), point));
}

TEST(Layer, MomentsAreThoseUnderTheWeight) {
  at::Tensor picture = at::zeros({3, 2, 2});
  picture[0][0][0] = 0.2;
  picture[0][0][1] = 0.6;
  picture[0][1][0] = 0.9;
  at::Tensor weight = at::zeros({1, 2, 2});
  weight[0][0].fill_(1);
  const Moments seen = moments(picture, weight);
  EXPECT_NEAR(seen.mean[0].item<double>(), 0.4, 1e-6);
  EXPECT_NEAR(seen.std[0].item<double>(), 0.2, 1e-6);
  EXPECT_NEAR(seen.std[1].item<double>(), 0, 1e-6);
}

TEST(Layer, BackdropsOfSmallAndLargePicturesFillTheCanvas) {
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{20, 30}, {64, 64}, {300, 200}}) {
    Rng rng(3);
    const at::Tensor backdrop = draw_backdrop(stripes(width, height), 64, 0.2, rng);
    EXPECT_EQ(backdrop.sizes(), at::IntArrayRef({3, 64, 64}));
    EXPECT_GE(backdrop.min().item<double>(), 0);
    EXPECT_LE(backdrop.max().item<double>(), 1);
    Rng again(3);
    EXPECT_TRUE(at::equal(backdrop, draw_backdrop(stripes(width, height), 64, 0.2, again)));
  }
}

}  // namespace
}  // namespace cambium::data::composite
