#include "io/text.h"

#include <gtest/gtest.h>

namespace cambium::io {
namespace {

TEST(Text, LowerTouchesAsciiAlone) {
  EXPECT_EQ(lower(".JpEg-9_Z@["), ".jpeg-9_z@[");
  EXPECT_EQ(lower("\xC3\x84\xFFX"), "\xC3\x84\xFFx");
  EXPECT_EQ(lower(""), "");
}

TEST(Text, TrimTakesWhiteSpaceOffBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

}  // namespace
}  // namespace cambium::io
