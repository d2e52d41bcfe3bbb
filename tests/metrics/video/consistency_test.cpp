#include "metrics/video/consistency.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "metrics/video/preparation.h"

namespace cambium::metrics {
namespace {

at::Tensor noise(at::IntArrayRef shape, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  return at::rand(shape, generator, at::kFloat);
}

TEST(Consistency, OfAStillIsNothing) {
  const Consistency still = consistency(noise({1, 3, 20, 28}, 1).expand({5, 3, 20, 28}));
  EXPECT_EQ(still.motion, 0);
  EXPECT_EQ(still.compensated, 0);
  EXPECT_EQ(still.flicker, 0);
}

TEST(Consistency, CompensationExplainsTranslation) {
  // A window that moves over one picture, 2 pixels right and 1 down a frame.
  const at::Tensor ground = noise({3, 80, 80}, 2);
  std::vector<at::Tensor> frames;
  for (int64_t t = 0; t < 4; ++t) frames.push_back(ground.narrow(1, 10 + t, 32).narrow(2, 10 + 2 * t, 32));
  const Consistency moving = consistency(at::stack(frames));
  EXPECT_GT(moving.motion, 0.3);
  EXPECT_LT(moving.compensated, 0.35 * moving.motion);  // only the blocks at the edge lack where they came from
  const Consistency still_reach = consistency(at::stack(frames), {.reach = 0});
  EXPECT_NEAR(still_reach.compensated, still_reach.motion, 1e-6);
  const Consistency unrelated = consistency(noise({4, 3, 32, 32}, 3));
  EXPECT_GT(unrelated.compensated, 0.6 * unrelated.motion);
}

TEST(Consistency, FlickerIsWhatComesAndGoes) {
  const at::Tensor ramp = at::arange(5, at::kFloat).view({5, 1, 1, 1}).expand({5, 3, 8, 8}) / 10;
  EXPECT_NEAR(consistency(ramp).flicker, 0, 1e-6);
  EXPECT_NEAR(consistency(ramp).motion, 0.1, 1e-6);
  const at::Tensor blink = at::tensor({0.F, 1.F, 0.F, 1.F}).view({4, 1, 1, 1}).expand({4, 3, 8, 8});
  EXPECT_NEAR(consistency(blink).flicker, 1, 1e-6);
  EXPECT_EQ(consistency(ramp.narrow(0, 0, 2)).flicker, 0);
}

TEST(Consistency, MeansOverFilmsAndRefusesStills) {
  const Consistency mean = mean_consistency({{.motion = 1, .compensated = 2, .flicker = 3}, {.motion = 3}});
  EXPECT_EQ(mean.motion, 2);
  EXPECT_EQ(mean.compensated, 1);
  EXPECT_EQ(mean.flicker, 1.5);
  EXPECT_THROW(consistency(noise({1, 3, 8, 8}, 1)), Error);
  EXPECT_THROW(consistency(at::zeros({3, 3, 8, 8}, at::kByte)), Error);
}

TEST(Preparation, HasThePublishedSizesAndRanges) {
  const at::Tensor frames = (noise({2, 3, 20, 36}, 4) * 255).to(at::kByte);
  for (const Preparation p :
       {Preparation::i3d_resize, Preparation::i3d_crop, Preparation::inception, Preparation::efficientnet_lite0}) {
    EXPECT_EQ(preparation_from_name(preparation_name(p)), p);
    const at::Tensor prepared = prepare_frames(frames, p);
    const int64_t side = p == Preparation::inception ? 299 : 224;
    EXPECT_EQ(prepared.sizes(), (std::vector<int64_t>{2, 3, side, side}));
    EXPECT_NEAR(prepare_frames(at::full({1, 3, 9, 9}, 255, at::kByte), p).max().item<float>(), 1, 1e-6);
    EXPECT_NEAR(prepare_frames(at::zeros({1, 3, 9, 9}), p).min().item<float>(), -1, 8e-3);
  }
  EXPECT_THROW(preparation_from_name("i3d"), UsageError);
  EXPECT_THROW(prepare_frames(frames[0], Preparation::inception), Error);
}

TEST(Preparation, CropKeepsTheMiddle) {
  at::Tensor wide = at::zeros({1, 3, 224, 448});
  wide.narrow(3, 112, 224).fill_(255);
  EXPECT_EQ(prepare_frames(wide, Preparation::i3d_crop).min().item<float>(), 1);
  EXPECT_LT(prepare_frames(wide, Preparation::i3d_resize).min().item<float>(), 0);
}

}  // namespace
}  // namespace cambium::metrics
