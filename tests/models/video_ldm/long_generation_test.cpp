#include "models/video_ldm/long_generation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/sentence.h"

namespace cambium::video_ldm {
namespace {

// Frames that hold their own number: a window goes on counting from what it knows.
at::Tensor numbered(int64_t first, int64_t count) {
  return at::arange(first, first + count).to(at::kFloat).view({1, count, 1, 1, 1});
}

at::Tensor count_on(const Window&, const at::Tensor& known, int64_t window) {
  return numbered(known[0][0].item<int64_t>(), window);
}

RC_GTEST_PROP(LongGeneration, WindowsCoverTheVideoOnce, ()) {
  const auto frames = *rc::gen::inRange<int64_t>(1, 60), context = *rc::gen::inRange<int64_t>(1, 5),
             window = *rc::gen::inRange<int64_t>(context + 1, 12);
  int64_t made = 1;
  for (const Window& w : plan_windows({.frames = frames, .window = window, .context = context})) {
    RC_ASSERT(w.first + w.given == made);
    RC_ASSERT(w.first >= 0);
    RC_ASSERT(w.given >= 1 && w.given <= context && w.fresh >= 1 && w.given + w.fresh <= window);
    made += w.fresh;
  }
  RC_ASSERT(made == frames);
}

TEST(LongGeneration, FirstWindowKnowsOneFrameAndTheOthersTwo) {
  const auto windows = plan_windows({.frames = 8, .window = 4, .context = 2});
  ASSERT_EQ(windows.size(), 3);
  EXPECT_EQ(windows[0].given, 1);
  EXPECT_EQ(windows[0].fresh, 3);
  EXPECT_EQ(windows[1].given, 2);
  EXPECT_EQ(windows[2].first, 4);
}

TEST(LongGeneration, PutsWindowsTogetherAndHandsThemOut) {
  const LongVideoOptions options{.frames = 9, .window = 4, .context = 2};
  std::vector<int64_t> kept;
  const at::Tensor video = generate_long(
      numbered(0, 1), options, [](const auto& w, const auto& known) { return count_on(w, known, 4); },
      [&](const Window& w, const at::Tensor& fresh) {
        EXPECT_EQ(fresh.size(1), w.fresh);
        kept.push_back(w.index);
      });
  EXPECT_TRUE(at::equal(video, numbered(0, 9)));
  EXPECT_EQ(kept, (std::vector<int64_t>{1, 2, 3, 4}));
}

TEST(LongGeneration, GoesOnFromWholeWindowsOfAnEarlierRun) {
  const LongVideoOptions options{.frames = 8, .window = 4, .context = 2};
  int64_t made = 0;
  const auto make = [&](const Window& w, const at::Tensor& known) {
    ++made;
    return count_on(w, known, 4);
  };
  EXPECT_TRUE(at::equal(generate_long(numbered(0, 6), options, make), numbered(0, 8)));
  EXPECT_EQ(made, 1);
  EXPECT_TRUE(test::says(test::sentence([&] { generate_long(numbered(0, 5), options, make); }), "no whole windows"));
}

TEST(LongGeneration, WindowsThatAddNothingAreOneSentence) {
  const auto plan = [](LongVideoOptions options) { return test::sentence([&] { plan_windows(options); }); };
  EXPECT_TRUE(test::says(plan({.frames = 8, .window = 2, .context = 2}), "add nothing"));
  EXPECT_TRUE(test::says(plan({.frames = 8, .window = 4, .context = 0}), "add nothing"));
  EXPECT_TRUE(test::says(plan({.frames = 0}), "0 frames"));
}

TEST(Interpolation, KeysStayAndGapsAreFilled) {
  const at::Tensor keys = at::tensor({0.0F, 40.0F, 80.0F}).view({1, 3, 1, 1, 1});
  const at::Tensor video = interpolate(keys, 3, [](int64_t, const at::Tensor& ends) {
    EXPECT_EQ(ends.narrow(1, 1, 3).abs().max().item<float>(), 0);
    const at::Tensor weight = at::arange(5).to(at::kFloat).view({1, 5, 1, 1, 1}) / 4;
    return ends.narrow(1, 0, 1) * (1 - weight) + ends.narrow(1, 4, 1) * weight + 0.5;  // the ends are not kept
  });
  const at::Tensor expected =
      at::tensor({0.0F, 10.5F, 20.5F, 30.5F, 40.0F, 50.5F, 60.5F, 70.5F, 80.0F}).view({1, 9, 1, 1, 1});
  EXPECT_TRUE(at::equal(video, expected));
}

// Section 3.2.1: two stages turn 8 key frames into the 113 frames of the paper's clips.
TEST(Interpolation, LengthsOfThePaper) {
  EXPECT_EQ(interpolated_length(8, 3), 29);
  EXPECT_EQ(interpolated_length(29, 3), 113);
  EXPECT_TRUE(test::says(test::sentence([] { interpolate(at::zeros({1, 1, 1, 1, 1}), 3, {}); }), "nothing between"));
}

}  // namespace
}  // namespace cambium::video_ldm
