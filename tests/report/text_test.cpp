#include "report/text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace cambium::report {
namespace {

TEST(Text, EscapesMarkupAndQuotes) {
  EXPECT_EQ(escape("<b a=\"1\" c='2'>&amp;</b>"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
}

TEST(Text, MakesAnyBytesValid) {
  EXPECT_EQ(escape("a\xFF"
                   "b"),
            "a\uFFFDb");
  EXPECT_EQ(escape("caf\xC3"), "caf\uFFFD");
  EXPECT_EQ(escape(std::string_view("a\0b\x1b[1m", 7)), "a b [1m");
  EXPECT_EQ(escape("two\nlines"), "two\nlines");
  EXPECT_EQ(printable("two\nlines\x7F"), "two lines ");
  EXPECT_EQ(printable("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate is no character
}

TEST(Text, MeasuresTerminalColumns) {
  EXPECT_EQ(display_width("plain"), 5);
  EXPECT_EQ(display_width("\u732B"), 2);   // a wide character
  EXPECT_EQ(display_width("e\u0301"), 1);  // a combining accent
}

TEST(Text, FormatsNumbers) {
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(0.07), "0.07");
  EXPECT_EQ(format_number(1234567), "1,234,567");
  EXPECT_EQ(format_number(-3.50), "\u22123.5");
  EXPECT_EQ(format_number(0.123456), "0.1235");
  EXPECT_EQ(format_number(1.2e-7), "1.2e\u22127");
  EXPECT_EQ(format_number(NAN), "\u2013");
  EXPECT_EQ(format_fixed(0.5, 2), "0.50");
  EXPECT_EQ(format_fixed(-0.001, 2), "0.00");
  EXPECT_EQ(format_fixed(-1234.5, 1), "\u22121,234.5");
  EXPECT_EQ(format_percent(0.4301, 1), "43.0\u00A0%");
  EXPECT_EQ(format_percent(INFINITY), "\u2013");
}

TEST(Text, WritesDataUris) {
  EXPECT_EQ(data_uri("text/plain", ""), "data:text/plain;base64,");
  EXPECT_EQ(data_uri("text/plain", "a"), "data:text/plain;base64,YQ==");
  EXPECT_EQ(picture_uri("\x89PNG\r\n\x1a\nrest").substr(0, 22), "data:image/png;base64,");
  EXPECT_EQ(picture_uri(std::string_view("RIFF\0\0\0\0WEBP", 12)).substr(0, 23), "data:image/webp;base64,");
  EXPECT_THROW(picture_uri("<svg onload=...>"), Error);
  EXPECT_THROW(picture_uri(""), Error);
}

}  // namespace
}  // namespace cambium::report
