#include "models/meru/traversal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::meru {
namespace {

at::Tensor random(uint64_t seed, at::IntArrayRef shape) {
  auto generator = make_generator(seed);
  at::Tensor x = at::empty(shape, at::kDouble);
  return normal_(x, 0, 1, generator);
}

TEST(Traversal, PointsAreEvenlySpacedOnTheGeodesic) {
  const at::Tensor c = at::scalar_tensor(0.5, at::kDouble), image = exp_map0(random(1, {8}), c);
  const at::Tensor points = interpolate_to_root(image, c, {.steps = 11});
  ASSERT_EQ(points.sizes(), at::IntArrayRef({11, 8}));
  EXPECT_TRUE(at::allclose(points[0], image));
  EXPECT_EQ(points[10].abs().max().item<double>(), 0);
  const double whole = distance_from_root(image, c).item<double>();
  for (int64_t i = 0; i < 11; ++i) {
    EXPECT_NEAR(distance_from_root(points[i], c).item<double>(), whole * (10 - i) / 10, 1e-9);
    const at::Tensor to_image = pairwise_dist(points[i].unsqueeze(0), image.unsqueeze(0), c);
    EXPECT_NEAR(to_image.item<double>(), whole * i / 10, 3e-4);
  }
}

TEST(Traversal, SphereEndsAtTheRoot) {
  const auto unit = [](const at::Tensor& x) { return x / x.norm(); };
  const at::Tensor image = unit(random(2, {5})), root = unit(random(3, {5}));
  const at::Tensor points = interpolate_on_sphere(image, root, 4);
  EXPECT_TRUE(at::allclose(points[0], image));
  EXPECT_TRUE(at::allclose(points[3], root));
  EXPECT_TRUE(at::allclose(points.norm(2, -1), at::ones({4}, at::kDouble)));
}

TEST(Traversal, NamesGoFromSpecificToGeneralToRoot) {
  // On one ray, a specific and a general text; beside it, one whose cone does not hold the image.
  const at::Tensor c = at::ones({}, at::kDouble);
  const at::Tensor ray = at::tensor({1.0, 0.0, 0.0}, at::kDouble), beside = at::tensor({0.0, 1.0, 0.0}, at::kDouble);
  const at::Tensor pool = at::stack({ray * 2.5, ray * 0.9, beside * 3, at::zeros_like(ray)});
  const Traversal walk = traverse(ray * 3, pool, c, {.steps = 30});
  EXPECT_EQ(walk.unique_ids, (std::vector<int64_t>{0, 1, 3}));
  EXPECT_EQ(walk.all_scores[0][2].item<double>(), kNotEntailing);
  EXPECT_EQ(walk.ids[29].item<int64_t>(), 3);
  EXPECT_TRUE(at::equal(walk.scores, std::get<0>(walk.all_scores.max(1))));
}

TEST(Traversal, RefusesOneStep) {
  EXPECT_THROW(interpolate_to_root(random(1, {3}), at::ones({}, at::kDouble), {.steps = 1}), UsageError);
}

}  // namespace
}  // namespace cambium::meru
