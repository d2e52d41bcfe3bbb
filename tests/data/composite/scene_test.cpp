#include "data/composite/scene.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "data/composite/scene_stream.h"
#include "data/composite/texture.h"
#include "data/composite/toy_pictures.h"

namespace cambium::data::composite {
namespace {

TEST(Scene, NumbersItsVisibleObjects) {
  const auto objects = toy_objects(), backgrounds = toy_backgrounds();
  int64_t several = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed);
    const SceneOptions options{.side = 64};
    const Scene scene = compose_scene(objects, backgrounds, options, rng);
    EXPECT_EQ(scene.image.sizes(), at::IntArrayRef({3, 64, 64}));
    EXPECT_EQ(scene.image.scalar_type(), at::kByte);
    ASSERT_GE(scene.count, 1);
    ASSERT_LE(scene.count, options.max_objects);
    EXPECT_EQ(scene.objects.max().item<int64_t>(), scene.count);
    for (int64_t id = 1; id <= scene.count; ++id) {
      EXPECT_GE(scene.objects.eq(id).sum().item<double>(), options.min_area * 64 * 64);
    }
    several += scene.count > 1;
  }
  EXPECT_GT(several, 5);
}

TEST(Scene, TheObjectIsWhereItsNumberIs) {
  // A saturated disc on grey, left as it is.
  const std::vector<StockPicture> red = {toy_objects()[0]};
  const auto backgrounds = toy_backgrounds();
  Rng rng(4);
  const Scene scene = compose_scene(
      red, backgrounds, {.side = 64, .max_objects = 1, .texture_share = 0, .jitter = 0, .harmonise = 0}, rng);
  // Red less green: 190 in the disc, 0 on the grey, in between along the edge, where the number begins at half.
  const at::Tensor image = scene.image.to(at::kFloat), redness = image[0] - image[1], object = scene.objects.eq(1);
  EXPECT_GT(redness.masked_select(object).min().item<double>(), 90);
  EXPECT_LT(redness.masked_select(object.logical_not()).max().item<double>(), 100);
}

TEST(Scene, IsDrawnByItsGeneratorAlone) {
  const auto objects = toy_objects(), backgrounds = toy_backgrounds();
  Rng first(9), second(9);
  const Scene a = compose_scene(objects, backgrounds, {.side = 48}, first),
              b = compose_scene(objects, backgrounds, {.side = 48}, second);
  EXPECT_TRUE(at::equal(a.image, b.image));
  EXPECT_TRUE(at::equal(a.objects, b.objects));
}

TEST(Scene, RefusesWhatCannotBeComposed) {
  Rng rng(1);
  EXPECT_THROW(compose_scene({}, toy_backgrounds(), {}, rng), Error);
  const auto objects = toy_objects();
  EXPECT_THROW(compose_scene(objects, {}, {.side = 32, .min_size = 0.05, .max_size = 0.05, .min_area = 0.5}, rng),
               Error);
  EXPECT_THROW(SceneOptions({.max_objects = 300}).validate(), UsageError);
  EXPECT_THROW(SceneOptions({.min_size = 0}).validate(), UsageError);
  EXPECT_THROW(SceneOptions({.harmonise = 2}).validate(), UsageError);
}

TEST(Texture, FillsItsRange) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    const at::Tensor texture = draw_texture(48, rng);
    EXPECT_EQ(texture.sizes(), at::IntArrayRef({3, 48, 48}));
    EXPECT_TRUE(texture.isfinite().all().item<bool>());
    EXPECT_GE(texture.min().item<double>(), 0);
    EXPECT_LE(texture.max().item<double>(), 1);
  }
}

TEST(SceneStream, DealsNumbersToRanksAndContinues) {
  const NumberedStream stream("test");
  auto cursor = stream.cursor({.rank = 1, .world = 3});
  EXPECT_EQ(cursor->next()->offset, 1);
  EXPECT_EQ(cursor->next()->offset, 4);
  auto other = stream.cursor({.rank = 1, .world = 3});
  other->restore(cursor->state());
  EXPECT_EQ(other->next()->offset, 7);
  EXPECT_EQ(stream.fetch({.offset = 12}).index, 12);
  EXPECT_THROW(stream.cursor({.passes = 2}), UsageError);
  EXPECT_THROW(other->restore({{"kind", "indexed"}}), Error);
  EXPECT_THROW(other->restore({{"number", -1}}), Error);
}

}  // namespace
}  // namespace cambium::data::composite
