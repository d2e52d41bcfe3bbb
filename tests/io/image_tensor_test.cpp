#include "io/image_tensor.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "image_fixtures.h"

namespace cambium::io {
namespace {

TEST(ImageTensor, IsPlanarAndComesBack) {
  for (const int64_t channels : {1, 3, 4}) {
    const Image image = test::drawn(7, 5, channels, 1);
    const at::Tensor tensor = to_tensor(image);
    ASSERT_EQ(tensor.sizes(), (std::vector<int64_t>{channels, 5, 7}));
    EXPECT_EQ(tensor[channels - 1][4][2].item<int>(), image.row(4)[2 * channels + channels - 1]);
    EXPECT_EQ(from_tensor(tensor).pixels, image.pixels);
    const at::Tensor floats = to_unit_float(tensor);
    EXPECT_EQ(floats.scalar_type(), at::kFloat);
    EXPECT_EQ(floats[0][1][3].item<float>(), static_cast<float>(image.row(1)[3 * channels]) / 255.0f);
    EXPECT_EQ(from_tensor(floats).pixels, image.pixels);
  }
}

TEST(ImageTensor, FloatsAreClampedAndNotANumberIsBlack) {
  float values[] = {-1.0f, 2.0f, 0.5f, std::nanf("")};
  const at::Tensor floats = at::from_blob(values, {1, 2, 2}, at::kFloat);
  EXPECT_EQ(from_tensor(floats).pixels, (std::vector<uint8_t>{0, 255, 128, 0}));
}

TEST(ImageTensor, OtherShapesAreRefused) {
  EXPECT_THROW(from_tensor(at::zeros({5, 4, 4})), Error);
  EXPECT_THROW(from_tensor(at::zeros({4, 4})), Error);
}

}  // namespace
}  // namespace cambium::io
