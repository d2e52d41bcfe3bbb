#include "io/resize.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "core/random.h"
#include "image_fixtures.h"
#include "io/resize_kernels.h"

namespace cambium::io {
namespace {

using test::digest;
using test::drawn;

TEST(Resize, EqualsPillowBitForBit) {
  for (const auto& entry : test::image_expectations().at("resize")) {
    const auto from = entry.at("from").get<std::vector<int64_t>>();
    const auto to = entry.at("to").get<std::vector<int64_t>>();
    const Image image = drawn(from[0], from[1], from[2], entry.at("seed"));
    const Filter filter = filter_from_name(entry.at("filter"));
    Image out;
    if (entry.contains("box")) {
      const auto box = entry.at("box").get<std::vector<double>>();
      out = resize(image, to[0], to[1], filter, Box{box[0], box[1], box[2], box[3]});
    } else {
      out = resize(image, to[0], to[1], filter);
    }
    EXPECT_EQ(digest(out), entry.at("digest")) << entry.dump();
  }
}

// Digests of tensors made with Pillow 9.4, the version that SAM's authors pinned: resize.*, squash.*,
// squash_mask_nearest.* and gray_L.* of the golden file resize.safetensors.
TEST(Resize, EqualsTheGoldensOfPillow94) {
  struct LongSide {
    int64_t width, height, target, seed;
    const char* digest;
  };
  for (const LongSide& golden : std::initializer_list<LongSide>{{80, 48, 64, 0, "3b94516ed7330503"},
                                                                {200, 300, 128, 1, "63245c462ec27430"},
                                                                {91, 37, 128, 2, "138cd8a5afa36b3d"},
                                                                {128, 128, 128, 3, "ccdbd080ec5c926e"},
                                                                {130, 257, 64, 4, "c9be08bd8b9b51c0"},
                                                                {333, 500, 96, 5, "4b6e5ae4d858d680"}}) {
    const Image image = drawn(golden.width, golden.height, 3, golden.seed);
    EXPECT_EQ(digest(resize_long_side(image, golden.target)), golden.digest) << golden.width << " x " << golden.height;
  }
  struct Squash {
    int64_t width, height, seed;
    const char *bilinear, *nearest_red, *grey;
  };
  for (const Squash& golden :
       std::initializer_list<Squash>{{100, 60, 6, "18ce9e3c57377791", "65bc77459d7854f8", "af5b295cde811123"},
                                     {47, 33, 7, "25fb94af9858202e", "a7e2c3aa064b8e9d", "3c59a94a7de3df61"},
                                     {150, 200, 8, "bcbf81612e2d2ff1", "a4bd2dd4e0fdefd5", "4ba3195de47dc9d3"}}) {
    const Image image = drawn(golden.width, golden.height, 3, golden.seed);
    EXPECT_EQ(digest(resize(image, 64, 64, Filter::bilinear)), golden.bilinear);
    Image red(image.width, image.height, 1);
    for (size_t i = 0; i < red.pixels.size(); ++i) red.pixels[i] = image.pixels[3 * i];
    EXPECT_EQ(digest(resize(red, 64, 64, Filter::nearest)), golden.nearest_red);
    EXPECT_EQ(digest(to_grey(image)), golden.grey);
  }
}

TEST(Resize, CropThenResizeSeesNoPixelOutsideTheCrop) {
  Rng rng(3);
  for (int trial = 0; trial < 60; ++trial) {
    const int64_t channels = trial % 3 == 0 ? 1 : trial % 3 == 1 ? 3 : 4;
    const Image image = drawn(20 + rng.below(60), 20 + rng.below(60), channels, trial);
    const int64_t width = 1 + rng.below(image.width), height = 1 + rng.below(image.height);
    const int64_t left = rng.below(image.width - width + 1), top = rng.below(image.height - height + 1);
    const auto filter = static_cast<Filter>(trial % 6);
    EXPECT_EQ(resized_crop(image, left, top, width, height, 31, 17, filter).pixels,
              resize(crop(image, left, top, width, height), 31, 17, filter).pixels);
  }
}

// The plain loops are the reference of the vector ones, which the dispatch hides on this machine.
TEST(ResizeKernels, VectorPassesEqualPlainOnes) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this processor has no AVX2";
  Rng rng(11);
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t channels = trial % 2 ? 3 : 4;
    const int64_t source = 1 + rng.below(60), size = 1 + rng.below(60), other = 1 + rng.below(40);
    kernels::Axis axis;
    axis.size = size;
    axis.taps = 4 * (1 + rng.below(4));
    axis.weights.resize(axis.size * axis.taps);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t count = 1 + rng.below(std::min(axis.taps, source));
      axis.first.push_back(static_cast<int32_t>(rng.below(source - count + 1)));
      axis.count.push_back(static_cast<int32_t>(count));
      // Up to the largest that sums to 31 bits, of both signs.
      for (int64_t t = 0; t < count; ++t) {
        axis.weights[i * axis.taps + t] =
            static_cast<int32_t>(rng.below(2 << 22) - (1 << 22)) / static_cast<int32_t>(count);
      }
    }
    std::vector<uint8_t> pixels(source * other * channels);
    for (uint8_t& p : pixels) p = static_cast<uint8_t>(rng.below(256));
    const auto clamped = [](int64_t sum) {
      return static_cast<uint8_t>(std::clamp<int64_t>((sum + (1 << 21)) >> 22, 0, 255));
    };
    {
      std::vector<uint8_t> out(other * size * channels);
      kernels::horizontal_avx2({pixels.data(), source * channels, other, pixels.data() + pixels.size()}, channels, axis,
                               out.data());
      for (int64_t y = 0; y < other; ++y) {
        for (int64_t x = 0; x < size; ++x) {
          for (int64_t c = 0; c < channels; ++c) {
            int64_t sum = 0;
            for (int64_t t = 0; t < axis.count[x]; ++t) {
              sum += int64_t{axis.weights[x * axis.taps + t]} * pixels[(y * source + axis.first[x] + t) * channels + c];
            }
            ASSERT_EQ(out[(y * size + x) * channels + c], clamped(sum));
          }
        }
      }
    }
    const int64_t row = other * channels;
    std::vector<uint8_t> out(size * row);
    kernels::vertical_avx2({pixels.data(), row, source, pixels.data() + pixels.size()}, 0, row, axis, out.data());
    for (int64_t y = 0; y < size; ++y) {
      for (int64_t x = 0; x < row; ++x) {
        int64_t sum = 0;
        for (int64_t t = 0; t < axis.count[y]; ++t) {
          sum += int64_t{axis.weights[y * axis.taps + t]} * pixels[(axis.first[y] + t) * row + x];
        }
        ASSERT_EQ(out[y * row + x], clamped(sum));
      }
    }
  }
#else
  GTEST_SKIP() << "no vector passes for this processor";
#endif
}

TEST(Resize, SizesFollowTorchvisionAndSam) {
  EXPECT_EQ(short_side_size(500, 375, 224), (Size{298, 224}));  // int(224 * 500 / 375 = 298.67)
  EXPECT_EQ(short_side_size(375, 500, 224), (Size{224, 298}));
  EXPECT_EQ(short_side_size(100, 100, 224), (Size{224, 224}));
  // "HxW->size" of SAM's get_preprocess_shape.
  EXPECT_EQ(long_side_size(640, 427, 1024), (Size{1024, 683}));
  EXPECT_EQ(long_side_size(1025, 1023, 1024), (Size{1024, 1022}));
  EXPECT_EQ(long_side_size(426, 641, 1024), (Size{681, 1024}));
  EXPECT_EQ(long_side_size(4099, 7, 128), (Size{128, 0}));
}

TEST(CenterCrop, RoundsTheOffsetHalfToEven) {
  Image image(7, 1, 1);
  for (int i = 0; i < 7; ++i) image.pixels[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(center_crop(image, 4, 1).pixels, (std::vector<uint8_t>{2, 3, 4, 5}));        // round(1.5) = 2
  EXPECT_EQ(center_crop(image, 6, 1).pixels, (std::vector<uint8_t>{0, 1, 2, 3, 4, 5}));  // round(0.5) = 0
  EXPECT_EQ(center_crop(image, 2, 1).pixels, (std::vector<uint8_t>{2, 3}));              // round(2.5) = 2
}

TEST(CenterCrop, PadsASmallerPictureWithZeros) {
  Image image(2, 1, 1);
  image.pixels = {8, 9};
  const Image out = center_crop(image, 5, 1);
  EXPECT_EQ(out.width, 5);
  EXPECT_EQ(out.pixels, (std::vector<uint8_t>{0, 8, 9, 0, 0}));  // (5 - 2) // 2 = 1 on the left
}

TEST(Resize, PreprocessingGivesASquare) {
  const Image out = resize_and_center_crop(drawn(50, 33, 3, 0), 24);
  EXPECT_EQ(out.width, 24);
  EXPECT_EQ(out.height, 24);
}

TEST(Resize, RefusesAbsurdRequests) {
  const Image image = drawn(9, 9, 3, 0);
  EXPECT_THROW(resize(image, 0, 5), Error);
  EXPECT_THROW(resize(image, 5, int64_t{1} << 40), Error);
  EXPECT_THROW(resize({}, 5, 5), Error);
  EXPECT_THROW(resize(image, 5, 5, Filter::bicubic, Box{0, 0, 10, 9}), Error);
  EXPECT_THROW(resize(image, 5, 5, Filter::bicubic, Box{4, 0, 4, 9}), Error);
  EXPECT_THROW(resized_crop(image, 5, 5, 5, 5, 3, 3), Error);
  EXPECT_THROW(resize_long_side(drawn(4099, 7, 1, 0), 128), Error);
  try {
    filter_from_name("cubic");
    FAIL() << "no exception";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "no resize filter is called \"cubic\"; use one of nearest, box, bilinear, hamming, bicubic, lanczos");
  }
}

}  // namespace
}  // namespace cambium::io
