#include "io/film.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "image_fixtures.h"
#include "io/animation.h"
#include "io/image_tensor.h"
#include "io/palette.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

namespace fs = std::filesystem;
using test::drawn;

// A square on a slope of many colours, moving to the right.
Image moving(int64_t index) {
  Image image(48, 32, 3);
  for (int64_t y = 0; y < 32; ++y) {
    for (int64_t x = 0; x < 48; ++x) {
      const bool square = x >= 4 * index && x < 4 * index + 12 && y >= 8 && y < 20;
      uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = square ? 220 : static_cast<uint8_t>(5 * x);
      pixel[1] = square ? 40 : static_cast<uint8_t>(7 * y);
      pixel[2] = square ? 30 : static_cast<uint8_t>(2 * x + 3 * y);
    }
  }
  return image;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

// Frames and times as they come back.
std::vector<VideoFrame> read_back(const fs::path& path) {
  std::vector<VideoFrame> frames;
  if (has_animation_extension(path)) {
    AnimationReader reader(path);
    while (auto frame = reader.next()) frames.push_back(std::move(*frame));
  } else {
    VideoReader reader(path);
    while (auto frame = reader.next()) frames.push_back(std::move(*frame));
  }
  return frames;
}

class FilmFormat : public testing::TestWithParam<const char*> {};

TEST_P(FilmFormat, ComesBackAsItWas) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / (std::string("film") + GetParam());
  FilmWriter writer(path, {.fps = 12.5});
  for (int64_t i = 0; i < 9; ++i) writer.add(moving(i));
  EXPECT_FALSE(fs::exists(path));
  writer.finish();
  const auto frames = read_back(path);
  ASSERT_EQ(frames.size(), 9u);
  for (int64_t i = 0; i < 9; ++i) {
    EXPECT_NEAR(frames[i].time, static_cast<double>(i) / 12.5, 2e-3) << i;
    EXPECT_LT(mean_difference(frames[i].image, moving(i)), 8) << i;
    EXPECT_GT(mean_difference(frames[i].image, moving(i < 5 ? i + 3 : i - 3)), 12) << i;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST_P(FilmFormat, LeavesNothingHalfWritten) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / (std::string("film") + GetParam());
  {
    FilmWriter writer(path, {});
    writer.add(moving(0));
    EXPECT_TRUE(test::says(test::sentence([&] { writer.add(drawn(20, 20, 3, 0)); }), path.string()));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_THROW(FilmWriter(path, {}).finish(), Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

INSTANTIATE_TEST_SUITE_P(All, FilmFormat, testing::Values(".mp4", ".webm", ".gif", ".webp"),
                         [](const auto& info) { return std::string(info.param + 1); });

TEST(Film, WithoutAnEndingIsAFolderOfFrames) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / "frames";
  FilmWriter writer(path, {});
  for (int64_t i = 0; i < 3; ++i) writer.add(moving(i));
  EXPECT_FALSE(fs::exists(path));
  writer.finish();
  EXPECT_EQ(load_image(path / "0002.png").pixels, moving(2).pixels);
  EXPECT_EQ(std::distance(fs::directory_iterator(path), fs::directory_iterator()), 3);
}

TEST(Film, IsWrittenFromATensor) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / "film.webp";
  at::Tensor frames = at::zeros({3, 3, 16, 16});
  frames[1].fill_(1);
  write_film(path, frames, {.fps = 10, .loops = 4, .lossless = true});
  AnimationReader reader(path);
  EXPECT_EQ(reader.info().loops, 4);
  EXPECT_EQ(reader.next()->image.pixels[0], 0);
  EXPECT_EQ(reader.next()->image.pixels[0], 255);
  EXPECT_THROW(write_film(path, frames[0]), Error);
  EXPECT_THROW(write_film(path, at::zeros({0, 3, 16, 16})), Error);
}

TEST(Film, RefusesOtherEndingsAndOptions) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(FilmWriter(folder.path() / "film.mov", {}), UsageError);
  EXPECT_THROW(FilmWriter("", {}), UsageError);
  EXPECT_THROW(FilmWriter(folder.path() / "film.mp4", {.fps = 0}), UsageError);
  EXPECT_THROW(FilmWriter(folder.path() / "film.gif", {.loops = -1}), UsageError);
}

TEST(ContactSheet, PlacesFramesInRows) {
  const std::vector<Image> frames = {moving(0), moving(1), moving(2), moving(3), moving(4)};
  const Image sheet = contact_sheet(frames, 2, 1);
  EXPECT_EQ(sheet.width, 2 * 48 + 1);
  EXPECT_EQ(sheet.height, 3 * 32 + 2);
  EXPECT_EQ(crop(sheet, 49, 33, 48, 32).pixels, moving(3).pixels);
  EXPECT_EQ(sheet.row(40)[3 * 48], 255);
  EXPECT_EQ(sheet.row(90)[3 * 80], 255);
  EXPECT_EQ(contact_sheet(frames).width, 5 * 50 - 2);
  EXPECT_THROW(contact_sheet({}), Error);
}

TEST(Gif, KeepsFewColoursExactly) {
  std::vector<VideoFrame> film;
  for (int64_t i = 0; i < 3; ++i) {
    Image image(20, 10, 3);
    for (int64_t p = 0; p < 200; ++p) {
      const std::array<uint8_t, 3> colour =
          p < 100 ? std::array<uint8_t, 3>{255, 255, 255} : std::array<uint8_t, 3>{uint8_t(60 * i), 130, 201};
      std::copy(colour.begin(), colour.end(), image.pixels.begin() + 3 * p);
    }
    film.push_back({image, 0.1 * static_cast<double>(i)});
  }
  AnimationReader reader(encode_animated_gif(film, 0.3, 5), "film.gif");
  EXPECT_EQ(reader.info().loops, 5);
  for (const VideoFrame& frame : film) EXPECT_EQ(reader.next()->image.pixels, frame.image.pixels);
  EXPECT_EQ(AnimationReader(encode_animated_gif(film, 0.3, 1), "film.gif").info().loops, 1);
}

TEST(Palette, MixesWhatItLacks) {
  PaletteMapper mapper({{0, 0, 0}, {255, 255, 255}});
  for (const int grey : {0, 32, 64, 128, 200, 255}) {
    Image image(16, 16, 3);
    std::fill(image.pixels.begin(), image.pixels.end(), static_cast<uint8_t>(grey));
    double sum = 0;
    for (const uint8_t index : mapper.map(image).pixels) sum += 255.0 * index;
    EXPECT_NEAR(sum / 256, grey, 5);
  }
}

TEST(Palette, ManyColoursAreNearTheirs) {
  PaletteBuilder builder;
  for (int64_t i = 0; i < 4; ++i) builder.add(moving(i));
  const auto palette = builder.build(64);
  EXPECT_EQ(palette.size(), 64u);
  PaletteMapper mapper(palette);
  const Image image = moving(1), indices = mapper.map(image);
  double error = 0;
  for (size_t p = 0; p < indices.pixels.size(); ++p) {
    for (size_t c = 0; c < 3; ++c) error += std::abs(image.pixels[3 * p + c] - palette[indices.pixels[p]][c]);
  }
  EXPECT_LT(error / static_cast<double>(image.pixels.size()), 12);
}

}  // namespace
}  // namespace cambium::io
