#include "io/rle.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::io {
namespace {

at::Tensor random_mask(int64_t height, int64_t width, double share, uint64_t seed) {
  return at::rand({height, width}, make_generator(seed), at::kFloat) < share;
}

// The counts by their definition.
std::vector<uint32_t> plain_counts(const at::Tensor& mask) {
  const at::Tensor flat = mask.t().contiguous().flatten();
  std::vector<uint32_t> counts;
  uint32_t run = 0;
  bool value = false;
  for (int64_t i = 0; i < flat.numel(); ++i) {
    if (flat[i].item<bool>() != value) {
      counts.push_back(run);
      run = 0;
      value = !value;
    }
    ++run;
  }
  counts.push_back(run);
  return counts;
}

TEST(Rle, IsTheDefinitionAndComesBack) {
  uint64_t seed = 0;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {1, 19}, {19, 1}, {6, 9}, {17, 5}, {24, 31}}) {
    for (const double share : {0.0, 0.1, 0.5, 0.95, 1.0}) {
      const at::Tensor mask = random_mask(height, width, share, ++seed);
      const Rle rle = encode_rle(mask);
      EXPECT_EQ(rle.counts, plain_counts(mask));
      EXPECT_TRUE(at::equal(decode_rle(rle), mask));
      EXPECT_EQ(rle_area(rle), mask.sum().item<int64_t>());
      EXPECT_EQ(from_coco_string(to_coco_string(rle), height, width), rle);
    }
  }
}

TEST(Rle, TakesNumbersAndStrides) {
  const at::Tensor mask = random_mask(12, 7, 0.4, 3);
  EXPECT_EQ(encode_rle(mask.t().contiguous().t()), encode_rle(mask));
  EXPECT_EQ(encode_rle(mask.to(at::kFloat) * -3), encode_rle(mask));
  EXPECT_EQ(encode_rle(mask.to(at::kByte) * 255), encode_rle(mask));
}

// The strings that pycocotools gives, from its documentation's conventions worked by hand.
TEST(Rle, WritesCocoStrings) {
  EXPECT_EQ(to_coco_string({.height = 6, .width = 9, .counts = {14, 3, 3, 3, 3, 3, 25}}), ">33000f0");
  EXPECT_EQ(to_coco_string({.height = 17, .width = 5, .counts = {85}}), "e2");
  EXPECT_EQ(from_coco_string("0a0R10_O", 17, 5).counts, (std::vector<uint32_t>{0, 17, 34, 17, 17}));
}

TEST(Rle, Bounds) {
  at::Tensor mask = at::zeros({20, 30}, at::kBool);
  EXPECT_EQ(rle_bounds(encode_rle(mask)), PixelBox());
  mask[4][7] = true;
  EXPECT_EQ(rle_bounds(encode_rle(mask)), (PixelBox{7, 4, 7, 4}));
  mask[19][8] = true;  // this and the next are one run
  mask[0][9] = true;
  EXPECT_EQ(rle_bounds(encode_rle(mask)), (PixelBox{7, 0, 9, 19}));
  mask.fill_(true);
  EXPECT_EQ(rle_bounds(encode_rle(mask)), (PixelBox{0, 0, 29, 19}));
}

TEST(Rle, IsPutIntoALargerMask) {
  for (const double share : {0.0, 0.5, 1.0}) {
    const at::Tensor mask = random_mask(6, 5, share, 8);
    for (const auto& [left, top, height, width] :
         {std::array<int64_t, 4>{0, 0, 6, 5}, {2, 3, 11, 9}, {0, 3, 9, 5}, {4, 0, 6, 9}, {0, 0, 7, 7}}) {
      at::Tensor padded = at::zeros({height, width}, at::kBool);
      padded.slice(0, top, top + 6).slice(1, left, left + 5).copy_(mask);
      EXPECT_EQ(rle_pad(encode_rle(mask), left, top, height, width), encode_rle(padded));
    }
  }
  EXPECT_THROW(rle_pad(encode_rle(at::ones({6, 5})), 1, 0, 6, 5), Error);
}

TEST(Rle, RefusesWhatIsNone) {
  EXPECT_THROW(from_coco_string("", 6, 9), Error);      // no pixels
  EXPECT_THROW(from_coco_string("e1", 6, 9), Error);    // 53 of 54
  EXPECT_THROW(from_coco_string("f11", 6, 9), Error);   // 55
  EXPECT_THROW(from_coco_string("f", 6, 9), Error);     // says that more follows
  EXPECT_THROW(from_coco_string("\x7f", 6, 9), Error);  // no such character
  EXPECT_THROW(from_coco_string("ooooooooooooooo0", 6, 9), Error);
  EXPECT_THROW(from_coco_string("O", 6, 9), Error);  // minus one
  EXPECT_THROW(from_coco_string("0", 0, 9), Error);
  EXPECT_THROW(from_coco_string("0", int64_t{1} << 40, int64_t{1} << 40), Error);
  EXPECT_THROW(decode_rle({.height = 6, .width = 9, .counts = {55}}), Error);
  EXPECT_THROW(encode_rle(at::ones({1, 6, 9})), Error);
  EXPECT_THROW(encode_rle(at::ones({0, 9})), Error);
  const uint8_t row[2] = {0, 1};
  RleBuilder builder(2, 2);
  builder.add_row(row);
  EXPECT_THROW(builder.finish(), Error);
}

}  // namespace
}  // namespace cambium::io
