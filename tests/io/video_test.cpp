#include "io/video.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

// A square that moves to the right, on a slope of grey.
Image drawn(int64_t width, int64_t height, int64_t index) {
  Image image(width, height, 3);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool square = x >= 4 * index && x < 4 * index + 16 && y >= 8 && y < 24;
      uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = square ? 220 : static_cast<uint8_t>(x);
      pixel[1] = square ? 40 : static_cast<uint8_t>(x);
      pixel[2] = square ? 30 : static_cast<uint8_t>(x);
    }
  }
  return image;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

TEST(Video, ComesBackFrameByFrame) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "film.mp4";
  VideoWriter writer(path, {.width = 96, .height = 64, .frames_per_second = 10, .quality = 10});
  for (int64_t i = 0; i < 12; ++i) writer.add(drawn(96, 64, i), static_cast<double>(i) / 10);
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.finish();

  VideoReader reader(path);
  EXPECT_EQ(reader.info().width, 96);
  EXPECT_EQ(reader.info().height, 64);
  EXPECT_EQ(reader.info().frames, 12);
  EXPECT_NEAR(reader.info().frames_per_second, 10, 1.0);
  int64_t count = 0;
  while (const auto frame = reader.next()) {
    EXPECT_NEAR(frame->time, static_cast<double>(count) / 10, 1e-3);
    EXPECT_LT(mean_difference(frame->image, drawn(96, 64, count)), 3.0) << count;
    EXPECT_GT(mean_difference(frame->image, drawn(96, 64, count + 4)), 3.0) << count;
    ++count;
  }
  EXPECT_EQ(count, 12);
  EXPECT_FALSE(reader.next());
}

TEST(Video, LosesTheLastRowOfAnOddSide) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "odd.mp4";
  VideoWriter writer(path, {.width = 97, .height = 65});
  writer.add(drawn(97, 65, 0), 0);
  writer.finish();
  VideoReader reader(path);
  EXPECT_EQ(reader.info().width, 96);
  EXPECT_EQ(reader.info().height, 64);
  EXPECT_TRUE(reader.next());
}

TEST(Video, LeavesNothingHalfWritten) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "film.mp4";
  {
    VideoWriter writer(path, {.width = 96, .height = 64});
    writer.add(drawn(96, 64, 0), 0);
    EXPECT_THROW(writer.add(drawn(64, 64, 0), 1), Error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Video, SaysWhatIsNone) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(VideoReader(folder.path() / "none.mp4"), Error);
  write_file(folder.path() / "text.mp4", "this is no film, whatever its name says");
  EXPECT_THROW(VideoReader(folder.path() / "text.mp4"), Error);
  write_file(folder.path() / "empty.mp4", "");
  EXPECT_THROW(VideoReader(folder.path() / "empty.mp4"), Error);
  EXPECT_THROW(VideoWriter(folder.path() / "small.mp4", {.width = 1, .height = 64}), Error);
  EXPECT_TRUE(has_video_extension("a/B.MP4"));
  EXPECT_FALSE(has_video_extension("a/b.png"));
}

TEST(Video, CutShortGivesWhatIsThere) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path() / "film.mp4";
  VideoWriter writer(path, {.width = 96, .height = 64});
  for (int64_t i = 0; i < 30; ++i) writer.add(drawn(96, 64, i), static_cast<double>(i) / 25);
  writer.finish();
  const std::string bytes = read_file(path);
  write_file(folder.path() / "cut.mp4", bytes.substr(0, bytes.size() / 3));  // MP4's index stands at the end
  EXPECT_THROW(VideoReader(folder.path() / "cut.mp4"), Error);
}

}  // namespace
}  // namespace cambium::io
