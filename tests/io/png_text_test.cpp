#include "io/png_text.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "io/image.h"

namespace cambium::io {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

Image dot() { return {1, 1, 3}; }

TEST(PngText, ReadsWhatTheEncoderWrote) {
  const Texts texts = {{"first", "plain"}, {"second", "gr\xc3\xbc\xc3\x9f Gott \xe2\x98\x83"}, {"empty", ""}};
  EXPECT_EQ(parse_png_text(encode_png(dot(), {.text = texts}), "a test"), texts);
  EXPECT_TRUE(parse_png_text(encode_png(dot()), "a test").empty());
}

// Other programs write the older kind of chunk, in Latin-1.
TEST(PngText, OlderTextsBecomeUtf8) {
  std::string png = encode_png(dot());
  const std::string data = std::string("parameters") + '\0' + "caf\xe9";
  const std::string chunk = std::string("\0\0\0\x0f", 4) + "tEXt" + data + "crc!";
  ASSERT_EQ(data.size(), 15u);
  png.insert(33, chunk);  // behind the header chunk
  EXPECT_EQ(parse_png_text(png, "a test"), (Texts{{"parameters", "caf\xc3\xa9"}}));
}

TEST(PngText, RefusesOtherFilesAndTornOnes) {
  EXPECT_THROW(parse_png_text("GIF89a", "a test"), Error);
  const std::string png = encode_png(dot(), {.text = {{"a", "b"}}});
  EXPECT_THROW(parse_png_text(png.substr(0, 40), "a test"), Error);
}

}  // namespace
}  // namespace cambium::io
