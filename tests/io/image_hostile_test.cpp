// What is not a picture, is no whole picture, or is one too many.
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "image_fixtures.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

using namespace std::string_literals;
using test::image_expectations;
using test::image_fixture;

std::string complaint(std::string_view bytes, const DecodeOptions& options = {}) {
  try {
    decode_image(bytes, "x.jpg", options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(HostileImage, SaysWhatItIsInstead) {
  EXPECT_EQ(complaint(""), "x.jpg: the file is empty, expected a picture");
  EXPECT_EQ(complaint("hello, this is text"),
            "x.jpg: not a picture, or of an unknown format; JPEG, PNG, WebP, GIF and BMP can be read");
  EXPECT_EQ(complaint("BMW is a maker of cars and motor cycles"),
            "x.jpg: not a picture, or of an unknown format; it begins like a BMP file but has no header of one");
  const auto foreign = [](const std::string& name) {
    return "x.jpg: this is " + name + ", which is not supported; JPEG, PNG, WebP, GIF and BMP can be read";
  };
  EXPECT_EQ(complaint("<!DOCTYPE html><title>404</title>"), foreign("an HTML page"));
  EXPECT_EQ(complaint("<?xml version=\"1.0\"?><svg/>"), foreign("an SVG drawing"));
  EXPECT_EQ(complaint("II*\0    "s), foreign("a TIFF picture"));
  EXPECT_EQ(complaint("\0\0\0\x1C"s + "ftypavif"), foreign("an AVIF picture"));
  EXPECT_EQ(complaint("\0\0\0\x1C"s + "ftypheic"), foreign("a HEIC picture"));
  EXPECT_EQ(complaint("%PDF-1.7"), foreign("a PDF document"));
}

TEST(HostileImage, LoadNamesTheFile) {
  const test::TemporaryDirectory folder;
  write_file(folder.path() / "a.png", "nothing");
  for (const auto& path : {folder.path() / "a.png", folder.path() / "missing.png", folder.path()}) {
    try {
      load_image(path);
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.info().file, path.string());
    }
  }
}

// Of each format, one file cut at every place.
class CutImage : public testing::TestWithParam<std::string> {};

TEST_P(CutImage, IsRefusedWithOneSentence) {
  const std::string whole = read_file(image_fixture(GetParam()));
  const Image image = decode_image(whole, "x");
  int refused = 0;
  for (size_t size = 0; size < whole.size(); size += 1 + size / 64) {
    try {
      const Image part = decode_image(std::string_view(whole).substr(0, size), "x.jpg");
      // A tail without pixels may be missing; pixels may not.
      EXPECT_EQ(part.pixels, image.pixels) << size;
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.info().file, "x.jpg");
      const std::string sentence = error.what();
      if (size > 64) {
        EXPECT_NE(sentence.find("is cut short"), std::string::npos) << sentence;
      }
    }
  }
  EXPECT_GT(refused, 60);
}

INSTANTIATE_TEST_SUITE_P(Formats, CutImage,
                         testing::Values("rgb_420.jpg", "progressive.jpg", "rgb.png", "interlaced.png", "lossy.webp",
                                         "lossless.webp", "alpha.webp", "animated.webp", "palette.gif", "rgb.bmp",
                                         "rle_8.bmp", "rgba_32.bmp"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Bytes changed at random: either pixels or an Error, and nothing else (the sanitizer preset looks closer).
TEST(HostileImage, ChangedBytesNeverCrash) {
  Rng rng(7);
  const DecodeOptions options{.apply_orientation = true, .max_side = 500, .max_pixels = 1 << 16};
  for (const auto& [name, entry] : image_expectations().at("files").items()) {
    const std::string whole = read_file(image_fixture(name));
    for (int trial = 0; trial < 20; ++trial) {
      std::string changed = whole;
      for (int i = 0; i <= trial % 4; ++i) {
        // Headers are where lengths are.
        const int64_t reach = trial % 2 ? std::min<int64_t>(64, changed.size()) : static_cast<int64_t>(changed.size());
        changed[rng.below(reach)] = static_cast<char>(rng.below(256));
      }
      try {
        const Image image = decode_image(changed, name, options);
        EXPECT_EQ(static_cast<int64_t>(image.pixels.size()), image.width * image.height * image.channels);
      } catch (const Error& error) {
        EXPECT_EQ(error.info().file, name);
      }
    }
  }
}

TEST(HostileImage, AbsurdSizesAreRefusedBeforeAllocation) {
  // A header may promise what it likes.
  std::string png = read_file(image_fixture("rgb.png"));
  const std::string patched_width = png.substr(0, 16) + "\x00\x00\x75\x30"s + png.substr(20);  // 30,000; CRC now wrong
  EXPECT_NE(complaint(patched_width), "no error");
  std::string gif = read_file(image_fixture("palette.gif"));
  gif.replace(6, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(complaint(gif), "x.jpg: 65535 x 65535 pixels is more than the limit of 20000 a side; scale it down");
  gif.replace(6, 4, "\x20\x4E\x20\x4E");
  EXPECT_EQ(complaint(gif),
            "x.jpg: 20000 x 20000 pixels is more than the limit of 178956970 pixels in all; scale it down");
  for (const auto& [name, entry] : image_expectations().at("files").items()) {
    const std::string bytes = read_file(image_fixture(name));
    EXPECT_NE(complaint(bytes, {.max_side = 10}).find("more than the limit of 10 a side"), std::string::npos) << name;
    EXPECT_NE(complaint(bytes, {.max_pixels = 200}).find("more than the limit of 200 pixels"), std::string::npos)
        << name;
  }
}

TEST(HostileImage, AGifWithoutAFrameOrABmpOfUnknownDepth) {
  EXPECT_EQ(complaint("GIF89a\x01\0\x01\0\0\0\0;"s), "x.jpg: the GIF data is corrupt (it holds no frame)");
  std::string bmp = read_file(image_fixture("rgb.bmp"));
  bmp[28] = 7;
  EXPECT_EQ(complaint(bmp), "x.jpg: the BMP data is corrupt (7 bits a pixel)");
  bmp = read_file(image_fixture("rgb_565.bmp"));
  bmp.replace(54, 4, "\x05\0\0\0"s);
  EXPECT_EQ(complaint(bmp), "x.jpg: the BMP data is corrupt (a colour whose bits do not adjoin)");
}

}  // namespace
}  // namespace cambium::io
