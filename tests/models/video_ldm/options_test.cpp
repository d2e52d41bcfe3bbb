#include "models/video_ldm/options.h"

#include <gtest/gtest.h>

#include "support/sentence.h"

namespace cambium::video_ldm {
namespace {

TEST(TemporalOptions, WordsOfMixings) {
  for (const Mixing mixing : {Mixing::sigmoid, Mixing::clamp, Mixing::per_frame})
    EXPECT_EQ(parse_mixing(to_string(mixing)), mixing);
  EXPECT_TRUE(test::says(test::sentence([] { parse_mixing("linear"); }), "sigmoid"));
}

TEST(TemporalOptions, FramesGoWithPerFrameAlone) {
  TemporalOptions{}.validate();
  TemporalOptions{.mixing = Mixing::per_frame, .frames = 8}.validate();
  EXPECT_TRUE(test::says(test::sentence([] { TemporalOptions{.frames = 8}.validate(); }), "temporal.frames"));
  EXPECT_TRUE(test::says(test::sentence([] { TemporalOptions{.mixing = Mixing::per_frame}.validate(); }), "0 frames"));
  EXPECT_TRUE(test::says(test::sentence([] { TemporalOptions{.frame_rates = -1}.validate(); }), "frame_rates"));
}

}  // namespace
}  // namespace cambium::video_ldm
