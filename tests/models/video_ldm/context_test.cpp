#include "models/video_ldm/context.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/sentence.h"
#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

TEST(Context, MasksOfLeadingFramesAndOfEnds) {
  EXPECT_TRUE(at::equal(leading_mask(4, 2), at::tensor({1.0F, 1.0F, 0.0F, 0.0F})));
  EXPECT_TRUE(at::equal(leading_mask(2, 0), at::zeros({2})));
  EXPECT_TRUE(at::equal(ends_mask(5), at::tensor({1.0F, 0.0F, 0.0F, 0.0F, 1.0F})));
  EXPECT_TRUE(test::says(test::sentence([] { leading_mask(3, 4); }), "4 frames cannot be given of a video of 3"));
  EXPECT_TRUE(test::says(test::sentence([] { ends_mask(1); }), "two ends"));
}

TEST(Context, FramesToBeMadeAreZeroWhateverTheyHold) {
  at::Tensor z = gaussian({2, 4, 3, 2, 2}, 1);
  z.narrow(1, 2, 2).fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor c = context_frames(z, leading_mask(4, 2));
  EXPECT_EQ(c.sizes(), at::IntArrayRef({2, 4, 4, 2, 2}));
  EXPECT_TRUE(at::equal(c.narrow(1, 0, 2).narrow(2, 0, 3), z.narrow(1, 0, 2)));
  EXPECT_TRUE(at::equal(c.narrow(1, 0, 2).select(2, 3), at::ones({2, 2, 2, 2})));
  EXPECT_TRUE(at::equal(c.narrow(1, 2, 2), at::zeros({2, 2, 4, 2, 2})));
  EXPECT_TRUE(at::equal(leading_context(z.narrow(1, 0, 2), 4), c));
}

TEST(Context, MasksOfTheirOwnForEachVideo) {
  const at::Tensor z = at::ones({2, 3, 1, 1, 1});
  const at::Tensor c = context_frames(z, at::stack({leading_mask(3, 0), ends_mask(3)}));
  EXPECT_TRUE(at::equal(c[0], no_context(z)[0]));
  EXPECT_TRUE(at::equal(c[1].flatten(1), at::tensor({1.0F, 1.0F, 0.0F, 0.0F, 1.0F, 1.0F}).view({3, 2})));
}

// A third each: of 3,000 draws no count is further than five standard deviations (130) from 1,000.
TEST(Context, LeadingFramesAreDrawnEvenly) {
  Rng rng(1);
  const at::Tensor counts = draw_leading_masks(3000, 4, 2, rng).sum(1);
  for (const double given : {0.0, 1.0, 2.0}) EXPECT_NEAR(counts.eq(given).sum().item<double>(), 1000, 130);
}

TEST(Context, EndsAreDroppedAtTheOddsGiven) {
  Rng rng(1);
  const at::Tensor counts = draw_ends_masks(2000, 5, 0.25, rng).sum(1);
  EXPECT_NEAR(counts.eq(0).sum().item<double>(), 500, 97);
  EXPECT_EQ(counts.eq(0).sum().item<double>() + counts.eq(2).sum().item<double>(), 2000);
}

}  // namespace
}  // namespace cambium::video_ldm
