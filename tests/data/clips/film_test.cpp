#include "data/clips/film.h"

#include <gtest/gtest.h>

#include "support/sentence.h"
#include "support/temporary_directory.h"
#include "toy_films.h"

namespace cambium::data {
namespace {

using test::says;
using test::sentence;

std::vector<int64_t> numbers(const std::filesystem::path& film, const Timeline& timeline,
                             const std::vector<int64_t>& indices) {
  std::vector<int64_t> found;
  read_frames(film, timeline, indices, [&](const io::Image& image) {
    found.push_back(test::frame_number(image));
    return image;
  });
  return found;
}

TEST(Film, KindsReadAlike) {
  const test::TemporaryDirectory folder;
  const auto video = folder.path() / "a.mp4", animation = folder.path() / "a.webp", frames = folder.path() / "frames";
  test::write_video(video, 20, 12);
  test::write_animation(animation, test::even_times(20, 12), 20.0 / 12);
  test::write_folder(frames, 20);
  for (const auto& film : {video, animation, frames}) {
    const Timeline timeline = timeline_of(film, film == frames ? std::optional<double>(12) : std::nullopt);
    EXPECT_NEAR(timeline.fps, 12, 0.05) << film;
    EXPECT_EQ(timeline.frames, 20) << film;
    EXPECT_EQ(numbers(film, timeline, {0, 1, 2, 5, 19}), (std::vector<int64_t>{0, 1, 2, 5, 19})) << film;
    EXPECT_EQ(numbers(film, timeline, {13, 17}), (std::vector<int64_t>{13, 17})) << film;
  }
}

TEST(Film, SeeksInLongVideos) {
  const test::TemporaryDirectory folder;
  const auto film = folder.path() / "long.mp4";
  // Beyond x264's longest distance between key frames (250); greys repeat.
  io::VideoWriter writer(film, {.width = 32, .height = 16, .frames_per_second = 25, .quality = 5});
  for (int64_t i = 0; i < 600; ++i) writer.add(test::grey_frame(i % 24), static_cast<double>(i) / 25);
  writer.finish();
  const Timeline timeline = timeline_of(film);
  ASSERT_EQ(timeline.frames, 600);
  for (const int64_t start : {0, 100, 249, 250, 251, 499, 590})
    EXPECT_EQ(numbers(film, timeline, {start, start + 3}), (std::vector<int64_t>{start % 24, (start + 3) % 24}));
}

TEST(Film, HoldsAreSeveralFrames) {
  const test::TemporaryDirectory folder;
  const auto film = folder.path() / "holds.webp";
  test::write_animation(film, {0, 0.1, 0.2, 0.5}, 0.6);
  const Timeline timeline = timeline_of(film);
  EXPECT_NEAR(timeline.fps, 10, 1e-6);
  EXPECT_EQ(timeline.frames, 6);
  std::vector<int64_t> shown;
  for (int64_t i = 0; i < timeline.frames; ++i) shown.push_back(timeline.shown(i));
  EXPECT_EQ(shown, (std::vector<int64_t>{0, 1, 2, 2, 2, 3}));
}

TEST(Film, ReadsAnUnevenOneAtTheRateItIsGiven) {
  const test::TemporaryDirectory folder;
  const auto film = folder.path() / "uneven.webp";
  test::write_animation(film, {0, 0.1, 0.27, 0.31}, 0.6);
  EXPECT_TRUE(says(sentence([&] { timeline_of(film); }), "uneven.webp"));
  EXPECT_TRUE(says(sentence([&] { timeline_of(film); }), "varying rate"));
  const Timeline timeline = timeline_of(film, 10);
  EXPECT_EQ(timeline.frames, 6);
  EXPECT_EQ(numbers(film, timeline, {0, 1, 2, 3, 5}), (std::vector<int64_t>{0, 1, 3}));
}

TEST(Film, EvenRateForgivesRounding) {
  EXPECT_NEAR(*even_rate(std::vector<double>{0, 0.03, 0.06, 0.10, 0.13, 0.16}, 0.2), 30, 1e-9);  // GIF's hundredths
  EXPECT_NEAR(*even_rate(std::vector<double>{0, 0.02, 0.05, 0.07}, 0.1), 40, 1e-9);
  EXPECT_FALSE(even_rate(std::vector<double>{0, 0.1, 0.27, 0.31}, 0.6));
  EXPECT_FALSE(even_rate(std::vector<double>{0, 0.1, 0.1}, 0.2));
  EXPECT_FALSE(even_rate(std::vector<double>{}, 0));
}

TEST(Film, FramesGoByTheirNumbers) {
  const test::TemporaryDirectory folder;
  const auto frames = folder.path() / "frames";
  test::write_folder(frames, 12);  // frame_10 sorts before frame_2 by its letters
  write_file(frames / "notes.txt", "no frame");
  const Timeline timeline = timeline_of(frames, 5);
  EXPECT_EQ(timeline.frames, 12);
  EXPECT_EQ(numbers(frames, timeline, {2, 9, 10, 11}), (std::vector<int64_t>{2, 9, 10, 11}));
}

TEST(Film, SaysWhatIsWrongWithIt) {
  const test::TemporaryDirectory folder;
  EXPECT_TRUE(says(sentence([&] { timeline_of(folder.path() / "none.mp4"); }), "does not exist"));
  EXPECT_TRUE(says(sentence([&] { timeline_of(folder.path(), 5); }), "holds no pictures"));
  test::write_folder(folder.path() / "frames", 3);
  EXPECT_TRUE(says(sentence([&] { timeline_of(folder.path() / "frames"); }), "without a rate"));
  EXPECT_TRUE(says(sentence([&] { timeline_of(folder.path() / "frames", 0); }), "frames a second"));
  write_file(folder.path() / "text.mp4", "no film");
  EXPECT_THROW(timeline_of(folder.path() / "text.mp4"), Error);
  write_file(folder.path() / "text.webp", "no film");
  EXPECT_THROW(timeline_of(folder.path() / "text.webp"), Error);
}

TEST(Film, EndsTooSoonIsOneSentence) {
  const test::TemporaryDirectory folder;
  const auto film = folder.path() / "a.webp";
  test::write_animation(film, test::even_times(9, 10), 0.9);
  const Timeline timeline = timeline_of(film);
  test::write_animation(film, test::even_times(4, 10), 0.4);
  EXPECT_TRUE(says(sentence([&] { numbers(film, timeline, {2, 7}); }), "ends after 4 frames"));
}

}  // namespace
}  // namespace cambium::data
