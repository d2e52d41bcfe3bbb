#include "models/clip/text_clean.h"

#include <gtest/gtest.h>

#include "models/clip/unicode.h"

namespace cambium::clip {
namespace {

std::string clean(std::u32string_view text) { return clean_text(encode_utf8(text)); }
std::string utf8(std::u32string_view text) { return encode_utf8(text); }

TEST(CleanText, CollapsesEveryKindOfWhiteSpace) {
  EXPECT_EQ(clean(U"  a\t\n b\u00A0\u2003c\u3000d\u2028e "), "a b c d e");
  EXPECT_EQ(clean(U"\f a\u1680\u205F"), "a");
  EXPECT_EQ(clean(U"a\u200Bb"), utf8(U"a\u200Bb"));  // no white space, but no width
}

TEST(CleanText, UnescapesTwiceMoreThanFixTextDoes) {
  EXPECT_EQ(clean(U"&amp;amp;amp;lt;b"), "<b");
  // fix_text leaves entities alone where there is a "<"; the two passes after it do not.
  EXPECT_EQ(clean(U"<b>&amp;amp;amp;"), "<b>&amp;");
}

TEST(CleanText, PlainAsciiIsLoweredOnly) {
  EXPECT_EQ(clean(U"A \"Photo\" of <x>'s ~100% |{}|"), "a \"photo\" of <x>'s ~100% |{}|");
}

// Python's str.lower(), which follows SpecialCasing.txt.
TEST(ToLower, KnowsTheFinalSigmaAndTheDottedI) {
  EXPECT_EQ(to_lower(U"ΟΔΟΣ ΣΙΣΥΦΟΣ."), U"οδος σισυφος.");
  EXPECT_EQ(to_lower(U"Σ"), U"σ");
  EXPECT_EQ(to_lower(U"ΑΣ'Α ΑΣ' ΑΣ\u0301 1Σ"), U"ασ'α ας' ας\u0301 1σ");
  EXPECT_EQ(to_lower(U"\u24B6Σ \u2160Σ"), U"\u24D0ς \u2170ς");  // circled and Roman letters are cased
  EXPECT_EQ(to_lower(U"İI"), U"i\u0307i");
  EXPECT_EQ(to_lower(U"ẞ Ǆ ǅ \u212A \u2126 Ꭰ \U00010400"), U"ß ǆ ǆ k ω ꭰ \U00010428");
}

TEST(ToNfc, ComposesAndReorders) {
  EXPECT_EQ(to_nfc(U"cafe\u0301"), U"café");
  EXPECT_EQ(to_nfc(U"\u212B\u1100\u1161"), U"\u00C5\uAC00");
  EXPECT_EQ(to_nfc(U"a\u0301\u0323"), U"\u1EA1\u0301");
  EXPECT_EQ(to_nfc(U"\uFFFF\U0010FFFF"), U"\uFFFF\U0010FFFF");
}

TEST(Utf8, ReplacesMaximalSubparts) {
  // The Unicode Standard 15, table 3-8.
  EXPECT_EQ(decode_utf8_lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                              "A"),
            U"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(decode_utf8_lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                              "A"),
            U"\uFFFD\uFFFD\uFFFD\uFFFDA");
}

TEST(Utf8, RoundTripsEveryLength) {
  const std::u32string text = U"\u0000\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF";
  EXPECT_EQ(decode_utf8(encode_utf8(text)), text);
}

}  // namespace
}  // namespace cambium::clip
