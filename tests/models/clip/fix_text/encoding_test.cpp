// The parts of mojibake repair: code pages, readings of UTF-8, badness, stretches, lost bytes.
#include <gtest/gtest.h>

#include "models/clip/fix_text/badness.h"
#include "models/clip/fix_text/codecs.h"
#include "models/clip/fix_text/lookalike.h"
#include "models/clip/fix_text/lossy_bytes.h"
#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

TEST(CodePages, EncodeWhatTheyDecode) {
  for (size_t page = 0; page < code_pages().size(); ++page) {
    std::u32string text;
    std::string bytes;
    for (int i = 0; i < 128; ++i) {
      text += code_pages()[page].high[i];
      bytes += static_cast<char>(0x80 + i);
    }
    EXPECT_EQ(encode(page, text), bytes) << code_pages()[page].name;
    EXPECT_EQ(encode(page, U"az\n"), "az\n");
    EXPECT_EQ(encode(page, U"中"), std::nullopt);
  }
}

TEST(CodePages, SloppyOnesKeepLostCharactersAsSubstitute) {
  EXPECT_EQ(encode(kLatin1, U"\u001A"), "\x1A");
  EXPECT_EQ(encode(kLatin1, U"\uFFFD"), std::nullopt);
  EXPECT_EQ(encode(kWindows1257, U"\uFFFD"), "\x1A");
  EXPECT_EQ(encode(kWindows1257, U"\u001A"), std::nullopt);
}

TEST(Utf8Variants, ReadsCesu8AndJavasNul) {
  std::u32string text;
  ASSERT_TRUE(try_decode_utf8_variants("a\xC0\x80\xED\xA0\xBD\xED\xB8\x80\xED\x95\x9C\xC3\xA9", text));
  EXPECT_EQ(text, std::u32string(U"a\0\U0001F600한é", 5));
  for (const std::string bad : {"\xC0", "\xC0\x81", "\xED\xA0\xBD", "\xED\xA0\xBD\xED\xA0\xBD", "\xED\xB8\x80", "\xFF",
                                "\xC0\x80\xE2\x82", "\xED\xA0\xBD\xED\xB8"}) {
    EXPECT_FALSE(try_decode_utf8_variants(bad, text)) << bad.size();
  }
}

TEST(Badness, OneExamplePerRule) {
  for (const std::u32string_view bad :
       {U"a\u0085",      U"Ã©¤",     U"zα¤",  U"¦é",   U"éÀ",  U"€é",  U"é€",  U" Ã€", U"Ã§", U"é¡²",
        U"é®¡",          U"€¡",      U"aÃ£",  U"█ò",   U"é█",  U"█®",  U"é®a", U"œ1",  U"œ",  U"À°",
        U"Ã\u00AD",      U"×²",      U"Ø§ÙŠ", U"à²",   U"√±",  U"≈°",  U"‚Äì", U"‚âà", U"вЂ", U"В°Г",
        U"ГўВЂВ\u0098 ", U"Ã\u00A0", U"aÃ ",  U"a Â ", U"Ã b", U".Â ", U"β€™", U"Β°Γ", U"ā€"}) {
    // "œ" alone, at the text's end, is not: something has to follow.
    EXPECT_EQ(is_bad(bad), bad != U"œ") << encode_utf8(bad);
  }
  for (const std::u32string_view good : {U"", U"œuvre", U"élève", U"©2020", U"«é»", U"Ø Ù", U"x× ²", U"Â", U" Ã b"}) {
    EXPECT_FALSE(is_bad(good)) << encode_utf8(good);
  }
}

TEST(Lookalike, FindsRunsOfSequences) {
  const auto found = [](std::u32string_view text, size_t from = 0) {
    const Stretch stretch = find_utf8_lookalike(text, from);
    return std::pair(stretch.begin, stretch.end);
  };
  EXPECT_EQ(found(U"abc"), std::pair(size_t{0}, size_t{0}));
  EXPECT_EQ(found(U"aÃ©â€™b"), std::pair(size_t{1}, size_t{6}));
  EXPECT_EQ(found(U"Ãa Ã©"), std::pair(size_t{3}, size_t{5}));
  EXPECT_EQ(found(U"©Ã© Ã©"), std::pair(size_t{4}, size_t{6}));  // not after a character of a garble
  EXPECT_EQ(found(U"â€"), std::pair(size_t{0}, size_t{0}));      // cut short
  EXPECT_EQ(found(U"Ã©xÃ©", 2), std::pair(size_t{3}, size_t{5}));
}

TEST(LossyBytes, RestoresByteA0) {
  EXPECT_EQ(restore_byte_a0("voil\xC3 le"), "voil\xC3\xA0 le");
  EXPECT_EQ(restore_byte_a0("\xC3 quele"), "\xC3\xA0quele");
  EXPECT_EQ(restore_byte_a0("\xC3  x"), "\xC3\xA0 x");
  EXPECT_EQ(restore_byte_a0("\xE2 \x94 \xE2\x80  \xF0 \x9F\x98 "), "\xE2\xA0\x94 \xE2\x80\xA0 \xF0\xA0\x9F\x98 ");
  EXPECT_EQ(restore_byte_a0("\xE0 \x94 \xE2 \x85 \xC4 x \xE2"), "\xE0 \x94 \xE2 \x85 \xC4 x \xE2");
}

TEST(LossyBytes, ReplacesBrokenSequences) {
  const std::string lost = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_lossy_sequences("a\xC3\x1A"
                                    "b\xC3?c\xC5?"),
            "a" + lost + "b" + lost + "c\xC5?");
  EXPECT_EQ(replace_lossy_sequences("\xE2\x80\x1A|\xE2?\x80|\xE2??|\x1A"), lost + "|" + lost + "|\xE2??|" + lost);
  EXPECT_EQ(replace_lossy_sequences("\xF0\x9F?\x80\xED\xA0\x1A\xED\xB8\x80"), lost + lost);
  EXPECT_EQ(replace_lossy_sequences("plain? \xC3\xA9"), "plain? \xC3\xA9");
}

}  // namespace
}  // namespace cambium::clip::fix_text
