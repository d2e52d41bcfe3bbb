#include "models/clip/fix_text/fix_text.h"

#include <gtest/gtest.h>

#include "models/clip/unicode.h"

namespace cambium::clip::fix_text {
namespace {

std::string fixed(std::u32string_view text) { return encode_utf8(fix_text(text)); }
std::string utf8(std::u32string_view text) { return encode_utf8(text); }

// `text` as it looks after its UTF-8 was read in Latin-1.
std::u32string as_latin1(std::u32string_view text) {
  std::u32string out;
  for (const char byte : encode_utf8(text)) out += static_cast<uint8_t>(byte);
  return out;
}

TEST(FixText, LeavesGoodTextAlone) {
  for (const std::u32string_view text :
       {U"plain", U"schön, naïve, été", U"Ελληνικά", U"Русский", U"中文", U"العربية", U"🙂 👨‍👩‍👧",
        U"¿Qué? ¡Olé!", U"100 € ±5 °C", U"à la carte", U"Åland", U"x² + y²", U"(ง'⌣')ง", U"« guillemets »"}) {
    EXPECT_EQ(fixed(text), utf8(text));
  }
}

TEST(FixText, UndoesMojibakeOfEveryDepth) {
  for (const std::u32string_view text : {U"schön grüße", U"— dash", U"Привет, мир", U"日本語", U"🙂 smile", U"voilà"}) {
    const std::u32string once = as_latin1(text), twice = as_latin1(once);
    EXPECT_EQ(fixed(once), utf8(text));
    EXPECT_EQ(fixed(twice), utf8(text));
  }
  EXPECT_EQ(fixed(U"donâ€™t â€œdoâ€\u009D"), "don't \"do\"");
}

// Answers of ftfy 6.3.1.
TEST(FixText, UndoesOtherCodePages) {
  EXPECT_EQ(fixed(U"РџСЂРёРІРµС‚, РјРёСЂ"), utf8(U"Привет, мир"));             // Windows-1251
  EXPECT_EQ(fixed(U"Ĺ˝luĹĄouÄŤkĂ˝ kĹŻĹ\uFFFD"), utf8(U"Žluťoučký ků\uFFFD"));  // Windows-1250
  EXPECT_EQ(fixed(U"fa√ßade ‚Äî na√Øve"), utf8(U"façade — naïve"));            // MacRoman
  EXPECT_EQ(fixed(U"Î•Î»Î»Î·Î½Î¹ÎºÎ¬"), utf8(U"Ελληνικά"));
}

TEST(FixText, RestoresWhatWasLostOnTheWay) {
  EXPECT_EQ(fixed(U"voilÃ le travail"), utf8(U"voilà le travail"));  // byte A0 became a space
  EXPECT_EQ(fixed(U"Ã quele Ã s Ã la"), utf8(U"àquele às à la"));
  EXPECT_EQ(fixed(U"â€œ like this â€\uFFFD"), utf8(U"\" like this \uFFFD"));  // a byte became U+FFFD
}

TEST(FixText, MendsPartsOfATextThatIsMixed) {
  EXPECT_EQ(fixed(U"中文 schÃ¶n"), utf8(U"中文 schön"));
  EXPECT_EQ(fixed(U"✔ naÃ¯ve and naïve"), utf8(U"✔ naïve and naïve"));
}

TEST(FixText, ControlsOfLatin1AreWindows1252) {
  EXPECT_EQ(fixed(U"wait\u0085 \u0093x\u0094 \u0080"), utf8(U"wait… \"x\" €"));
  EXPECT_EQ(fixed(U"a\u0081b"), utf8(U"a\u0081b"));  // Windows-1252 has nothing there
}

TEST(FixText, CharactersOneByOne) {
  EXPECT_EQ(fixed(U"ﬁ ﬂ ﬃ Ĳ ŉ ǆ æ"), utf8(U"fi fl ffi IJ 'n dž æ"));
  EXPECT_EQ(fixed(U"ＡＢ１　ｶﾅ ￠"), utf8(U"AB1 カナ ¢"));
  EXPECT_EQ(fixed(U"‘a’ ‛b “c” „d‟"), utf8(U"'a' 'b \"c\" \"d\""));
  EXPECT_EQ(fixed(U"a\r\nb\rc\u2028d\u2029e"), "a\nb\nc\nd\ne");
  EXPECT_EQ(fixed(U"\u001B[1;31mred\u001B[0m \u001B[x\u001B["), "red [");
  EXPECT_EQ(fixed(std::u32string_view(U"a\0b", 3)), "ab");
  EXPECT_EQ(fixed(U"a\u0007\u000B\u001F\u007F\uFEFF\u206A\uFFFCb\t\f"), "ab\t\f");
  EXPECT_EQ(fixed(U"e\u0301"), utf8(U"é"));
}

TEST(FixText, JoinsSurrogates) {
  const std::u32string pair = {0xD83D, 0xDE00}, alone = {'a', 0xDE00, 0xD83D};
  EXPECT_EQ(fix_text(pair), U"\U0001F600");
  EXPECT_EQ(fix_text(alone), U"a\uFFFD\uFFFD");
  // In UTF-8 that was made from UTF-16 piece by piece they come as three bytes each.
  EXPECT_EQ(fix_text(decode_utf8("\xED\xA0\xBD\xED\xB8\x80")), U"\U0001F600");
}

TEST(FixText, EntitiesStayFromTheFirstTagOn) {
  EXPECT_EQ(fixed(U"&lt;b&gt; &EACUTE;&szlig; &#233; &notanentity; &amp"), utf8(U"<b> Éß é &notanentity; &amp"));
  EXPECT_EQ(fixed(U"&amp;amp;lt;"), "<");
  EXPECT_EQ(fixed(U"&amp;\n<i>&amp;\n&amp;"), "&\n<i>&amp;\n&amp;");
}

TEST(FixText, IsStable) {
  for (const std::u32string_view text : {U"schÃ¶n &amp;eacute; ﬁ\r\n", U"РџСЂРё\u0085 “x”", U"Ã¢â‚¬â„¢"}) {
    const std::u32string once = fix_text(text);
    EXPECT_EQ(fix_text(once), once);
  }
}

}  // namespace
}  // namespace cambium::clip::fix_text
