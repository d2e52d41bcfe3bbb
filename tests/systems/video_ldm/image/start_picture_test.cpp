#include "systems/video_ldm/image/start_picture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "io/image.h"
#include "support/temporary_directory.h"

namespace cambium::systems::video_ldm {
namespace {

// Left half black, right half white.
std::filesystem::path halves(const test::TemporaryDirectory& folder, int64_t width, int64_t height) {
  io::Image image(width, height, 3);
  for (int64_t y = 0; y < height; ++y) std::fill(image.row(y) + width / 2 * 3, image.row(y) + width * 3, 255);
  const auto file = folder.path() / "halves.png";
  io::save_image(file, image);
  return file;
}

TEST(StartPicture, SidesAreRoundedDownToWhatTheModelDivides) {
  const test::TemporaryDirectory folder;
  const at::Tensor picture = load_start_picture(halves(folder, 70, 45), 8);
  EXPECT_EQ(picture.sizes(), (at::IntArrayRef{1, 3, 40, 64}));
  EXPECT_NEAR(picture.min().item<float>(), -1, 1e-6);
  EXPECT_NEAR(picture.max().item<float>(), 1, 1e-6);
  EXPECT_LT(picture[0][0][20][4].item<float>(), -0.99F);
  EXPECT_GT(picture[0][0][20][60].item<float>(), 0.99F);
}

TEST(StartPicture, AnotherShapeIsCoveredAndCutToItsMiddle) {
  const test::TemporaryDirectory folder;
  const at::Tensor picture = load_start_picture(halves(folder, 64, 16), 16, 16);
  EXPECT_EQ(picture.sizes(), (at::IntArrayRef{1, 3, 16, 16}));
  // The border between the halves stays in the middle.
  EXPECT_LT(picture.slice(3, 0, 7).max().item<float>(), 0);
  EXPECT_GT(picture.slice(3, 9).min().item<float>(), 0);
}

TEST(StartPicture, RefusesWhatIsTooSmall) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(load_start_picture(halves(folder, 6, 6), 8), Error);
}

}  // namespace
}  // namespace cambium::systems::video_ldm
