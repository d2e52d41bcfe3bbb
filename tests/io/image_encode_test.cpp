#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "core/error.h"
#include "image_fixtures.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

Image smooth(int64_t width, int64_t height, int64_t channels) {
  Image image(width, height, channels);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        image.row(y)[x * channels + c] =
            static_cast<uint8_t>(127.5 + 60 * std::sin(0.1 * x + c) + 60 * std::cos(0.07 * y - c));
      }
    }
  }
  return image;
}

double root_mean_square(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(int{a.pixels[i]} - int{b.pixels[i]}, 2);
  return std::sqrt(sum / a.pixels.size());
}

TEST(EncodePng, ComesBackExactlyAtEveryLevel) {
  for (const int64_t channels : {1, 3, 4}) {
    const Image image = test::drawn(37, 23, channels, 1);
    for (int level = 0; level <= 9; ++level) {
      const Image back = decode_image(encode_png(image, {.level = level}), "x");
      EXPECT_EQ(back.channels, channels);
      EXPECT_EQ(back.pixels, image.pixels) << "level " << level;
    }
  }
}

TEST(EncodePng, CarriesText) {
  const std::string bytes =
      encode_png(smooth(8, 8, 3), {.text = {{"prompt", "a cœur, \xF0\x9F\x8C\xB1"}, {"seed", "7"}}});
  // libpng's own reader is the judge.
  struct Source {
    const std::string& bytes;
    size_t at = 0;
  } source{bytes};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_read_fn(png, &source, [](png_structp reader, png_bytep out, size_t count) {
    auto* from = static_cast<Source*>(png_get_io_ptr(reader));
    std::memcpy(out, from->bytes.data() + from->at, count);
    from->at += count;
  });
  png_read_info(png, info);
  png_textp text = nullptr;
  int count = 0;
  png_get_text(png, info, &text, &count);
  ASSERT_EQ(count, 2);
  EXPECT_STREQ(text[0].key, "prompt");
  EXPECT_STREQ(text[0].text, "a cœur, \xF0\x9F\x8C\xB1");
  EXPECT_STREQ(text[1].text, "7");
  png_destroy_read_struct(&png, &info, nullptr);
}

TEST(EncodeJpeg, StaysNearByQuality) {
  const Image image = smooth(64, 48, 3);
  const std::string coarse = encode_jpeg(image, 20), fine = encode_jpeg(image, 95);
  EXPECT_LT(coarse.size(), fine.size());
  EXPECT_LT(root_mean_square(decode_image(fine, "x"), image), 1.0);
  EXPECT_LT(root_mean_square(decode_image(coarse, "x"), image), 8.0);
  EXPECT_EQ(decode_image(encode_jpeg(smooth(9, 9, 1)), "x").channels, 1);
  EXPECT_EQ(decode_image(encode_jpeg(smooth(9, 9, 4)), "x").channels, 3);
}

TEST(EncodeWebp, LosslessIsExactAndLossyNear) {
  for (const int64_t channels : {3, 4}) {
    Image image = test::drawn(41, 30, channels, 2);
    // Under full transparency WebP keeps no colour.
    if (channels == 4) {
      for (size_t i = 3; i < image.pixels.size(); i += 4) image.pixels[i] |= 1;
    }
    const Image back = decode_image(encode_webp(image, {.lossless = true}), "x");
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
  const Image image = smooth(64, 48, 3);
  EXPECT_LT(root_mean_square(decode_image(encode_webp(image, {.quality = 90}), "x"), image), 2.5);
}

TEST(Encode, RefusesWhatCannotBeWritten) {
  EXPECT_THROW(encode_png({}), Error);
  Image torn(4, 4, 3);
  torn.pixels.pop_back();
  EXPECT_THROW(encode_png(torn), Error);
  EXPECT_THROW(encode_jpeg(Image(2, 2, 2)), Error);
  EXPECT_THROW(encode_jpeg(smooth(2, 2, 3), 0), UsageError);
  EXPECT_THROW(encode_webp(smooth(2, 2, 3), {.quality = 101}), UsageError);
  EXPECT_THROW(encode_webp(Image(17000, 1, 3)), Error);
  EXPECT_THROW(encode_png(smooth(2, 2, 3), {.level = 10}), UsageError);
  EXPECT_THROW(encode_png(smooth(2, 2, 3), {.text = {{"", "x"}}}), UsageError);
}

TEST(SaveImage, ByEnding) {
  const test::TemporaryDirectory folder;
  const Image image = smooth(10, 6, 3);
  for (const auto& [name, format] :
       {std::pair{"a.png", ImageFormat::png}, {"a.JPG", ImageFormat::jpeg}, {"a.webp", ImageFormat::webp}}) {
    save_image(folder.path() / name, image);
    EXPECT_EQ(sniff_image(read_file(folder.path() / name)), format);
  }
  EXPECT_EQ(load_image(folder.path() / "a.png").pixels, image.pixels);
  EXPECT_THROW(save_image(folder.path() / "a.tiff", image), UsageError);
}

}  // namespace
}  // namespace cambium::io
