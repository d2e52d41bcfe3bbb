#include "data/composite/camouflage.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "data/composite/layer.h"
#include "data/composite/shadow.h"
#include "data/composite/toy_pictures.h"

namespace cambium::data::composite {
namespace {

double difference(const MaskedPicture& picture) {
  const at::Tensor inside = moments(picture.image, picture.mask.to(at::kFloat)).mean;
  const at::Tensor outside = moments(picture.image, picture.mask.logical_not().to(at::kFloat)).mean;
  return (inside - outside).abs().mean().item<double>();
}

TEST(Camouflage, HidesARedDiscInGreyStripes) {
  const CamouflageOptions options{.side = 64};
  const CamouflageOptions plain{.side = 64, .min_strength = 0, .max_strength = 0, .min_bleed = 0, .max_bleed = 0};
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Rng rng(seed), same(seed);
    const MaskedPicture hidden = camouflage(disc(40, {220, 30, 30}), stripes(96, 96), options, rng);
    const MaskedPicture open = camouflage(disc(40, {220, 30, 30}), stripes(96, 96), plain, same);
    EXPECT_LT(difference(hidden), 0.4 * difference(open)) << "seed " << seed;
    EXPECT_EQ(hidden.mask.scalar_type(), at::kBool);
    EXPECT_GE(hidden.mask.to(at::kFloat).mean().item<double>(), options.min_visible * 0.8);
    EXPECT_GE(hidden.image.min().item<double>(), 0);
    EXPECT_LE(hidden.image.max().item<double>(), 1);
  }
}

TEST(Camouflage, TheSameGeneratorDrawsTheSamePicture) {
  Rng first(5), second(5), other(6);
  const auto draw = [](Rng& rng) { return camouflage(disc(40, {20, 200, 30}), stripes(96, 96), {.side = 48}, rng); };
  const MaskedPicture a = draw(first), b = draw(second), c = draw(other);
  EXPECT_TRUE(at::equal(a.image, b.image));
  EXPECT_TRUE(at::equal(a.mask, b.mask));
  EXPECT_FALSE(at::equal(a.image, c.image));
}

TEST(Camouflage, RefusesRangesThatAreNone) {
  EXPECT_THROW(CamouflageOptions({.min_strength = 0.9, .max_strength = 0.8}).validate(), UsageError);
  EXPECT_THROW(CamouflageOptions({.side = 4}).validate(), UsageError);
  EXPECT_THROW(ShadowOptions({.min_light = 0}).validate(), UsageError);
  EXPECT_THROW(ShadowOptions({.min_contrast = 1}).validate(), UsageError);
  EXPECT_NO_THROW(CamouflageOptions().validate());
  EXPECT_NO_THROW(ShadowOptions().validate());
}

TEST(Shadow, DarkensWhatTheMaskSaysByWhatItShould) {
  int64_t made = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed), same(seed);
    const ShadowOptions options{.side = 64, .jitter = 0};
    const auto shadow = cast_shadow(disc(40, {220, 30, 30}), stripes(96, 96), options, rng);
    if (!shadow) continue;
    ++made;
    const at::Tensor lit = draw_backdrop(stripes(96, 96), 64, 0, same);
    const at::Tensor ratio = (shadow->image / lit).mean(0);
    EXPECT_LE(ratio.max().item<double>(), 1 + 1e-5);
    EXPECT_GE(ratio.min().item<double>(), options.min_light * 0.99);
    const double area = shadow->mask.to(at::kFloat).mean().item<double>();
    EXPECT_GE(area, options.min_area);
    EXPECT_LE(area, options.max_area);
    // Every pixel of the mask is darker than any outside it.
    EXPECT_LE(ratio.masked_select(shadow->mask[0]).max().item<double>(),
              ratio.masked_select(shadow->mask[0].logical_not()).min().item<double>() + 1e-5);
  }
  EXPECT_GE(made, 8);
}

TEST(Shadow, IsRefusedWhereItCannotBeSeen) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    EXPECT_FALSE(cast_shadow(disc(40, {220, 30, 30}), stripes(96, 96, 5, 20), {.side = 64, .jitter = 0}, rng))
        << "on black";
    EXPECT_FALSE(
        cast_shadow(disc(40, {220, 30, 30}), stripes(96, 96), {.side = 64, .min_size = 0.05, .max_size = 0.06}, rng))
        << "too small";
  }
}

}  // namespace
}  // namespace cambium::data::composite
