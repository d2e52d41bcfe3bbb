#include "systems/video_ldm/caption_shares.h"

#include <gtest/gtest.h>

#include <map>

namespace cambium::systems::video_ldm {
namespace {

TEST(CaptionShares, DrawsEachKindAsOftenAsItsShare) {
  Rng rng(5);
  std::map<Caption, int> drawn;
  for (int i = 0; i < 20000; ++i) ++drawn[draw({.name = 0.5, .subgroup = 0.3}, rng)];
  EXPECT_NEAR(drawn[Caption::name], 10000, 300);
  EXPECT_NEAR(drawn[Caption::subgroup], 6000, 300);
  EXPECT_NEAR(drawn[Caption::none], 4000, 300);
}

}  // namespace
}  // namespace cambium::systems::video_ldm
