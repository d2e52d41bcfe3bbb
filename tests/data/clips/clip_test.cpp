#include "data/clips/clip.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "support/temporary_directory.h"
#include "toy_films.h"

namespace cambium::data {
namespace {

// Which frames of a toy film a clip holds.
std::vector<int64_t> numbers(const Clip& clip) {
  std::vector<int64_t> found;
  for (int64_t k = 0; k < clip.frames.size(0); ++k)
    found.push_back(std::llround(clip.frames[k].to(at::kDouble).mean().item<double>() / 10) - 1);
  return found;
}

class Clips : public testing::Test {
 protected:
  void SetUp() override {
    test::write_animation(folder_.path() / "a.webp", test::even_times(20, 10), 2);
    write_file(folder_.path() / "clips.jsonl", R"({"path": "a.webp", "caption": "grey"})");
    list_ = open_clip_list(folder_.path() / "clips.jsonl", {.frames = 2});
  }
  test::TemporaryDirectory folder_;
  std::shared_ptr<const ClipList> list_;
};

TEST_F(Clips, TakeEveryStrideWithHalvesToEven) {
  const ClipOptions options{.frames = 4, .width = 32, .height = 16};
  EXPECT_EQ(numbers(clip_at(*list_, 0, 3, options)), (std::vector<int64_t>{3, 4, 5, 6}));
  ClipOptions slower = options;
  slower.fps = 4;  // stride 2.5: 0, 2.5, 5, 7.5 and 1, 3.5, 6, 8.5
  EXPECT_EQ(numbers(clip_at(*list_, 0, 0, slower)), (std::vector<int64_t>{0, 2, 5, 8}));
  EXPECT_EQ(numbers(clip_at(*list_, 0, 1, slower)), (std::vector<int64_t>{1, 4, 6, 8}));
  EXPECT_EQ(clip_at(*list_, 0, 0, slower).fps, 4);
}

TEST_F(Clips, StartAnywhereThatFits) {
  const ClipOptions options{.frames = 17, .width = 8, .height = 8};
  std::set<int64_t> starts;
  Rng rng(5);
  for (int i = 0; i < 60; ++i) starts.insert(draw_clip(*list_, 0, options, rng).start);
  EXPECT_EQ(starts, (std::set<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(middle_clip(*list_, 0, options).start, 1);
}

TEST_F(Clips, BeyondTheEndIsAnError) {
  const ClipOptions options{.frames = 4, .width = 8, .height = 8};
  EXPECT_THROW(clip_at(*list_, 0, 17, options), Error);
  EXPECT_THROW(clip_at(*list_, 0, -1, options), Error);
  Rng rng(1);
  EXPECT_THROW(draw_clip(*list_, 0, {.frames = 21, .width = 8, .height = 8}, rng), Error);
  EXPECT_THROW(clip_at(*list_, 0, 0, {.frames = 0}), UsageError);
  EXPECT_THROW(clip_at(*list_, 0, 0, {.frames = 2, .width = 0}), UsageError);
}

TEST_F(Clips, StackToABatch) {
  const ClipOptions options{.frames = 4, .width = 24, .height = 8};
  const std::vector<Clip> clips = {clip_at(*list_, 0, 0, options), clip_at(*list_, 0, 5, options)};
  const at::Tensor batch = stack_clips(clips);
  EXPECT_EQ(batch.sizes(), (std::vector<int64_t>{2, 4, 3, 8, 24}));
  const at::Tensor signed_unit = to_signed_unit(batch);
  EXPECT_NEAR(signed_unit[1][0].mean().item<float>(), 60 / 127.5 - 1, 1e-6);
  const std::vector<Clip> mixed = {clips[0], clip_at(*list_, 0, 0, {.frames = 4, .width = 8, .height = 8})};
  EXPECT_THROW(stack_clips(mixed), Error);
  EXPECT_THROW(stack_clips({}), Error);
  EXPECT_EQ(clip_at(*list_, 0, 0, {.frames = 2, .width = 0, .height = 0}).frames.size(3), 32);
}

TEST(Cover, ScalesTheShortSideAndCutsTheMiddle) {
  // Left third black, the middle grey, the right third white.
  io::Image image(60, 20, 3);
  for (int64_t y = 0; y < 20; ++y) {
    for (int64_t x = 0; x < 60; ++x) {
      for (int64_t c = 0; c < 3; ++c) image.row(y)[3 * x + c] = static_cast<uint8_t>(x < 20 ? 0 : x < 40 ? 128 : 255);
    }
  }
  const io::Image square = cover(image, 10, 10);
  EXPECT_EQ(square.width, 10);
  EXPECT_EQ(square.height, 10);
  for (int64_t x = 1; x < 9; ++x) EXPECT_EQ(square.row(5)[3 * x], 128) << x;
  const io::Image wide = cover(image, 30, 5);
  EXPECT_EQ(wide.row(2)[0], 0);
  EXPECT_EQ(wide.row(2)[3 * 29], 255);
  const io::Image tall = cover(image, 7, 31);
  EXPECT_EQ(tall.width, 7);
  EXPECT_EQ(tall.height, 31);
}

}  // namespace
}  // namespace cambium::data
