#include "io/image.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "image_fixtures.h"

namespace cambium::io {
namespace {

using test::digest;
using test::image_expectations;
using test::image_fixture;

class GoodImage : public testing::TestWithParam<std::string> {};

std::vector<std::string> good_names() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : image_expectations().at("files").items()) names.push_back(name);
  return names;
}

TEST_P(GoodImage, PixelsEqualPillows) {
  const auto& expected = image_expectations().at("files").at(GetParam());
  const Image image = load_image(image_fixture(GetParam()), {});
  EXPECT_EQ(image.width, expected.at("width"));
  EXPECT_EQ(image.height, expected.at("height"));
  EXPECT_EQ(image.channels, expected.at("channels"));
  EXPECT_EQ(digest(image), expected.at("digest"));
  EXPECT_EQ(digest(to_rgb(image)), expected.at("rgb"));
}

TEST_P(GoodImage, IsTurnedOnlyByItsExifOrientation) {
  const auto& expected = image_expectations().at("files").at(GetParam());
  const std::string turned = expected.value("turned", expected.at("rgb").get<std::string>());
  EXPECT_EQ(digest(to_rgb(load_image(image_fixture(GetParam())))), turned);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, GoodImage, testing::ValuesIn(good_names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

TEST(Image, SniffsByContent) {
  EXPECT_EQ(sniff_image(read_file(image_fixture("rgb_420.jpg"))), ImageFormat::jpeg);
  EXPECT_EQ(sniff_image(read_file(image_fixture("rgb.png"))), ImageFormat::png);
  EXPECT_EQ(sniff_image(read_file(image_fixture("lossy.webp"))), ImageFormat::webp);
  EXPECT_EQ(sniff_image(read_file(image_fixture("palette.gif"))), ImageFormat::gif);
  EXPECT_EQ(sniff_image(read_file(image_fixture("os2.bmp"))), ImageFormat::bmp);
  EXPECT_EQ(sniff_image("RIFF????WAVE"), ImageFormat::unknown);
  EXPECT_EQ(sniff_image(""), ImageFormat::unknown);
}

TEST(Image, ExtensionsIgnoreCase) {
  EXPECT_TRUE(has_image_extension("a/b.JPG"));
  EXPECT_TRUE(has_image_extension("x.webp"));
  EXPECT_FALSE(has_image_extension("x.txt"));
  EXPECT_FALSE(has_image_extension("jpg"));
}

Image from_pixels(int64_t width, int64_t height, int64_t channels, std::vector<uint8_t> pixels) {
  Image image(width, height, channels);
  image.pixels = std::move(pixels);
  return image;
}

TEST(Image, FlattenComposesAndToRgbDrops) {
  const Image image = from_pixels(3, 1, 4, {10, 20, 30, 0, 10, 20, 30, 255, 100, 0, 200, 128});
  EXPECT_EQ(flatten(image, {255, 255, 255}).pixels, (std::vector<uint8_t>{255, 255, 255, 10, 20, 30, 177, 127, 227}));
  EXPECT_EQ(to_rgb(image).pixels, (std::vector<uint8_t>{10, 20, 30, 10, 20, 30, 100, 0, 200}));
  EXPECT_EQ(flatten(from_pixels(1, 1, 1, {7})).pixels, (std::vector<uint8_t>{7, 7, 7}));
}

TEST(Image, FlattenOntoItsOwnColourChangesNothing) {
  for (int alpha = 0; alpha < 256; ++alpha) {
    const Image image = from_pixels(1, 1, 4, {77, 1, 254, static_cast<uint8_t>(alpha)});
    EXPECT_EQ(flatten(image, {77, 1, 254}).pixels, (std::vector<uint8_t>{77, 1, 254}));
  }
}

TEST(Image, OrientCoversTheEightOrientations) {
  // 1 2 3   as stored; how each orientation is to be shown (EXIF 2.3, section 4.6.4).
  // 4 5 6
  const Image stored = from_pixels(3, 2, 1, {1, 2, 3, 4, 5, 6});
  const std::vector<std::vector<uint8_t>> shown = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1},
                                                   {4, 5, 6, 1, 2, 3}, {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3},
                                                   {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = orient(stored, orientation);
    EXPECT_EQ(turned.pixels, shown[orientation - 1]) << orientation;
    EXPECT_EQ(turned.width, orientation < 5 ? 3 : 2);
  }
}

TEST(Image, CropTakesThePartAndRefusesWhatLiesOutside) {
  const Image image = from_pixels(3, 2, 1, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(crop(image, 1, 0, 2, 2).pixels, (std::vector<uint8_t>{2, 3, 5, 6}));
  EXPECT_THROW(crop(image, 2, 0, 2, 2), Error);
  EXPECT_THROW(crop(image, -1, 0, 2, 2), Error);
  EXPECT_THROW(crop(image, 0, 0, 0, 2), Error);
}

}  // namespace
}  // namespace cambium::io
