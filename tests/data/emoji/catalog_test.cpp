#include "data/emoji/catalog.h"

#include <gtest/gtest.h>

namespace cambium::data::emoji {
namespace {

TEST(EmojiCatalog, HexcodesLoseTheirVariationSelector) {
  EXPECT_EQ(normalised_hexcode("1F9D1-200D-2764-FE0F"), "1f9d1-200d-2764");
  EXPECT_EQ(normalised_hexcode("263A"), "263a");
}

TEST(EmojiCatalog, OneDrawingHasOneGenderlessHexcode) {
  const std::string astronaut = genderless_hexcode("1f9d1-200d-1f680");
  EXPECT_EQ(genderless_hexcode("1F469-200D-1F680"), astronaut);
  EXPECT_EQ(genderless_hexcode("1f468-200d-1f680"), astronaut);
  EXPECT_NE(genderless_hexcode("1f469-200d-1f692"), astronaut);
  EXPECT_EQ(genderless_hexcode("1f3c3-200d-2640-fe0f"), "1f3c3");
  EXPECT_EQ(genderless_hexcode("1f3c3-200d-2642"), genderless_hexcode("1f3c3"));
  EXPECT_EQ(genderless_hexcode("1f600"), "1f600");
}

}  // namespace
}  // namespace cambium::data::emoji
