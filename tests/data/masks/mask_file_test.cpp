#include "data/masks/mask_file.h"

#include <gtest/gtest.h>

#include "data/masks/transform.h"
#include "support/sentence.h"

namespace cambium::data {
namespace {

using cambium::test::says;
using cambium::test::sentence;

io::Image grey(std::vector<uint8_t> values) {
  io::Image image(static_cast<int64_t>(values.size()), 1, 1);
  image.pixels = std::move(values);
  return image;
}

DecodedMask read(std::vector<uint8_t> values, const MaskOptions& options = {}) {
  return decode_mask(io::encode_png(grey(std::move(values))), "m.png", options);
}

TEST(MaskFile, OnesCountAsForeground) {
  const DecodedMask mask = read({0, 1, 1, 0});
  EXPECT_EQ(mask.fault, "");
  EXPECT_EQ(mask.image.pixels, (std::vector<uint8_t>{0, 255, 255, 0}));
  EXPECT_NE(read({0, 1, 255}).fault, "");
}

TEST(MaskFile, SmoothedEdgesAreCutAtTheMiddle) {
  std::vector<uint8_t> values(40, 0);
  std::fill_n(values.begin(), 10, uint8_t{255});
  values[10] = 129;
  values[11] = 128;
  const DecodedMask mask = read(values);
  EXPECT_EQ(mask.fault, "");
  EXPECT_DOUBLE_EQ(mask.grey_share, 2.0 / 40);
  EXPECT_EQ(mask.image.pixels[10], 255);
  EXPECT_EQ(mask.image.pixels[11], 0);
}

TEST(MaskFile, WhatIsNoBinaryMask) {
  EXPECT_TRUE(says(read({0, 60, 120, 180, 255}).fault, "is not binary: 60 % of its pixels are grey"));
  EXPECT_EQ(read({0, 60, 120, 180, 255}, {.grey_masks = true}).fault, "");
  EXPECT_TRUE(says(read({0, 1, 2, 3}).fault, "its brightest value is 3, which is background"));
  EXPECT_TRUE(says(read({0, 0}).fault, "has no foreground"));
  EXPECT_EQ(read({0, 0}, {.empty_masks = true}).fault, "");
}

TEST(MaskFile, SoftKeepsItsGrey) {
  EXPECT_EQ(read({0, 60, 120}, {.kind = MaskKind::soft}).image.pixels, (std::vector<uint8_t>{0, 60, 120}));
}

TEST(MaskFile, Labels) {
  const MaskOptions options{.kind = MaskKind::classes, .classes = 3};
  EXPECT_EQ(read({0, 1, 2, 255}, options).fault, "");
  EXPECT_TRUE(says(read({0, 1, 3}, options).fault, "holds the label 3, but there are 3 classes"));
  EXPECT_TRUE(says(read({0, 255}, options).fault, "has no foreground"));
  EXPECT_TRUE(
      says(sentence([] { MaskOptions{.kind = MaskKind::classes, .classes = 1}.validate(); }), "must be 2 to 255"));
  EXPECT_TRUE(says(sentence([] { mask_kind_from_name("grey"); }), "choose binary, soft or classes"));
}

// 4 x 2, 2 bits a pixel, indices 0 1 2 3 / 3 2 1 0 with the palette red, green, blue, white; written by Pillow.
TEST(MaskFile, PaletteIndicesAreLabels) {
  static const unsigned char kPng[] = {
#include "data/masks/palette_png.inc"
  };
  const std::string_view bytes(reinterpret_cast<const char*>(kPng), sizeof kPng);
  const DecodedMask mask = decode_mask(bytes, "p.png", {.kind = MaskKind::classes, .classes = 4});
  EXPECT_EQ(mask.image.pixels, (std::vector<uint8_t>{0, 1, 2, 3, 3, 2, 1, 0}));
  EXPECT_EQ(io::decode_image(bytes, "p.png").channels, 3);
}

TEST(MaskFile, NotAPicture) {
  try {
    decode_mask("", "m.png");
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(says(error.what(), "m.png: the file is empty"));
  }
}

TEST(MaskTransform, FlipsThenSquashes) {
  MaskedImage pair{.name = "a", .image = io::Image(4, 2, 3), .mask = grey({0, 0, 0, 255, 0, 0, 0, 255})};
  pair.mask.width = 4;
  pair.mask.height = 2;
  pair.image.pixels[3 * 3] = 200;  // red at the right end of the first row
  const MaskItem item = transform(pair, 4, /*flip=*/true);
  EXPECT_EQ(item.width, 4);
  EXPECT_EQ(item.height, 2);
  EXPECT_EQ(item.mask[0][0][0].item<int>(), 255);
  EXPECT_EQ(item.mask[0][3][3].item<int>(), 0);
  EXPECT_GT(item.image[0][0][0].item<int>(), 0);
  const at::Tensor target = mask_target(item.mask.unsqueeze(0), MaskKind::binary);
  EXPECT_EQ(target.max().item<float>(), 1.0f);
  EXPECT_EQ(target.sizes(), (std::vector<int64_t>{1, 1, 4, 4}));
  EXPECT_EQ(mask_target(item.mask.unsqueeze(0), MaskKind::classes).sizes(), (std::vector<int64_t>{1, 4, 4}));
}

TEST(MaskTransform, FlipsAsOftenAsAsked) {
  const MaskedImage pair{.name = "a", .image = io::Image(2, 2, 3), .mask = io::Image(2, 2, 1)};
  Rng rng(1);
  int flips = 0;
  for (int i = 0; i < 400; ++i) flips += transform(pair, {.size = 2}, rng).flipped;
  EXPECT_NEAR(flips, 200, 50);
  EXPECT_FALSE(transform(pair, {.size = 2, .flip = 0}, rng).flipped);
}

TEST(MaskTransform, BadOptionsAndBatches) {
  EXPECT_TRUE(says(sentence([] { MaskTransformOptions{.size = 0}.validate(); }), "must be 1 to 8192 pixels"));
  EXPECT_TRUE(says(sentence([] { MaskTransformOptions{.flip = 2}.validate(); }), "must be a chance"));
  EXPECT_TRUE(says(sentence([] { collate({}); }), "at least one picture"));
  const MaskedImage pair{.name = "a", .image = io::Image(2, 2, 3), .mask = io::Image(2, 2, 1)};
  const std::vector<MaskItem> items = {transform(pair, 2), transform(pair, 3)};
  EXPECT_TRUE(says(sentence([&] { collate(items); }), "different sizes"));
}

}  // namespace
}  // namespace cambium::data
