#include "io/svg.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace cambium::io {
namespace {

constexpr const char* kDrawing =
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 10'>"
    "<rect x='0' y='0' width='5' height='10' fill='#ff0000'/>"
    "<rect x='5' y='0' width='5' height='10' fill='#0000ff' fill-opacity='0.5'/></svg>";

std::vector<int> pixel(const Image& image, int64_t x, int64_t y) {
  const uint8_t* p = image.row(y) + 4 * x;
  return {p[0], p[1], p[2], p[3]};
}

TEST(RenderSvg, GivesStraightAlpha) {
  const Image image = render_svg(kDrawing, "x.svg", 20, 20);
  EXPECT_EQ(image.channels, 4);
  EXPECT_EQ(pixel(image, 3, 3), (std::vector<int>{255, 0, 0, 255}));
  const auto right = pixel(image, 15, 10);
  EXPECT_EQ(right[2], 255);
  EXPECT_NEAR(right[3], 128, 1);
}

TEST(RenderSvg, KeepsProportionsInTheMiddle) {
  const Image image = render_svg(kDrawing, "x.svg", 40, 20);
  EXPECT_EQ(pixel(image, 5, 10)[3], 0);
  EXPECT_EQ(pixel(image, 15, 10), (std::vector<int>{255, 0, 0, 255}));
  EXPECT_EQ(pixel(image, 35, 10)[3], 0);
}

TEST(RenderSvg, ReadsNothingBesideTheDrawing) {
  const std::string with_file =
      "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'><image href='file:///etc/hostname' width='4' "
      "height='4'/></svg>";
  const Image image = render_svg(with_file, "x.svg", 4, 4);
  EXPECT_EQ(image.pixels, std::vector<uint8_t>(64, 0));
}

TEST(RenderSvg, RefusesWhatIsNoDrawing) {
  for (const std::string svg : {"", "no", "<svg", "<svg xmlns='http://www.w3.org/2000/svg'><rect", "<html></html>"}) {
    try {
      render_svg(svg, "x.svg", 8, 8);
      ADD_FAILURE() << svg;
    } catch (const Error& error) {
      EXPECT_EQ(error.info().file, "x.svg");
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_THROW(render_svg(kDrawing, "x.svg", 0, 8), Error);
  EXPECT_THROW(render_svg(kDrawing, "x.svg", 8, 100000), Error);
}

}  // namespace
}  // namespace cambium::io
