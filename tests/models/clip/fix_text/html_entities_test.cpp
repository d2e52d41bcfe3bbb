#include "models/clip/fix_text/html_entities.h"

#include <gtest/gtest.h>

namespace cambium::clip::fix_text {
namespace {

using Pairs = std::vector<std::pair<std::u32string, std::u32string>>;

TEST(HtmlUnescape, ReadsAsABrowser) {
  for (const auto& [text, expected] : Pairs{
           {U"&lt;&gt;&amp;&quot;&#39;", U"<>&\"'"},
           {U"&eacute &eacutex", U"é éx"},
           {U"&notit; &notin;", U"¬it; ∉"},
           {U"&ampamp;", U"&amp;"},
           {U"&CounterClockwiseContourIntegral;", U"∳"},
           {U"&NotEqualTilde; &fjlig;", U"≂\u0338 fj"},
           {U"&#x1F600; &#X41 &#65z", U"😀 A Az"},
           {U"&#128; &#x81; &#0; &#xD800; &#x110000;", U"€ \u0081 \uFFFD \uFFFD \uFFFD"},
           {U"a&#1;b&#xFFFE;c&#xFDD0;&#13;", U"abc\r"},
           {U"&#99999999999999999999999999;", U"\uFFFD"},
           {U"& && &; &# &#; &#x; &#xg; &unknown; &é;", U"& && &; &# &#; &#x; &#xg; &unknown; &é;"},
           {U"", U""},
           {U"&", U"&"},
       }) {
    EXPECT_EQ(html_unescape(text), expected);
  }
}

TEST(UnescapeEntities, ReadsWholeReferencesOnly) {
  for (const auto& [text, expected] : Pairs{
           {U"&lt; &lt &notit; this&not that", U"< &lt &notit; this&not that"},
           {U"&eacute;&EACUTE;&Eacute; &nTILDE;", U"éÉÉ &nTILDE;"},
           {U"BUNDESSTRA&SZLIG;E &NAPOS; &FFILIG;", U"BUNDESSTRASSE \u02BCN FFI"},
           {U"&COPYSR; &copysr; &LT; &HELLIP;", U"&COPYSR; ℗ < …"},
           {U"&#233; &#xe9; &#12a; &#59;", U"é é &#12a; &#59;"},
           {U"&CounterClockwiseContourIntegral;", U"&CounterClockwiseContourIntegral;"},  // above 24 letters
           {U"&&amp;; &a&amp;", U"&&; &a&"},
       }) {
    EXPECT_EQ(unescape_entities(text), expected);
  }
}

}  // namespace
}  // namespace cambium::clip::fix_text
