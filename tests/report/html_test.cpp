#include "report/html.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/atomic_file.h"
#include "core/error.h"
#include "report/svg.h"
#include "support/temporary_directory.h"

namespace cambium::report {
namespace {

constexpr const char* hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";
const std::string png = "\x89PNG\r\n\x1a\n----";

std::string with_everything(const std::string& text) {
  Page page({.title = text, .subtitle = text, .footer = text});
  page.section(text);
  page.subsection(text);
  page.paragraph(text);
  page.note(text);
  page.bullets({text});
  page.code(text);
  page.facts({{text, text, text}});
  page.table({.title = text, .columns = {text, "n"}, .rows = {{text, 1}}, .note = text});
  page.claims({{.claim = text, .paper = text, .value = 1, .against = 0}});
  page.figure({line_chart({{text, {}, {1, 2}}}, {.title = text}), text});
  page.figures({{"", text}, {"", text}});
  page.gallery({{png, text, text}}, text);
  page.section(text);
  page.traversals({text, text}, {{{png, text, text}, {{text}, {text, text}}}}, text);
  return page.str();
}

TEST(Page, NothingInTextBecomesMarkup) {
  const std::string html = with_everything(hostile);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<img src=x"), std::string::npos);
  // The same tags whatever the text: nothing was opened or closed by it.
  const auto tags = [](const std::string& page) { return std::count(page.begin(), page.end(), '<'); };
  EXPECT_EQ(tags(html), tags(with_everything("plain")));
}

TEST(Page, UnderstandsALittleMarkupInParagraphs) {
  Page page({.title = "t"});
  page.paragraph(
      "**strong**, *em*, `a*b*c`, [text](https://example.org/?a=1&b=2), 2 * 3 * 4, [no](javascript:alert(1)), **open");
  EXPECT_NE(page.str().find(
                "<strong>strong</strong>, <em>em</em>, <code>a*b*c</code>, "
                "<a href=\"https://example.org/?a=1&amp;b=2\">text</a>, 2 * 3 * 4, [no](javascript:alert(1)), **open"),
            std::string::npos);
}

TEST(Page, MarksClaimsByWord) {
  Page page({.title = "t"});
  page.claims(
      {{.claim = "A.", .paper = "", .value = 1, .against = 0}, {.claim = "B.", .paper = "", .value = 0, .against = 0}});
  EXPECT_NE(page.str().find("yes\">yes</span>"), std::string::npos);
  EXPECT_NE(page.str().find("no\">no</span>"), std::string::npos);
}

TEST(Page, NeedsNoNetwork) {
  const std::string html = with_everything("plain");
  EXPECT_EQ(html.find("src=\"http"), std::string::npos);
  EXPECT_EQ(html.find("<link"), std::string::npos);
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(html.find("alt=\"plain\""), std::string::npos);
}

TEST(Page, IsWrittenWhole) {
  test::TemporaryDirectory folder;
  Page page({.title = "t"});
  page.section("One");
  page.write(folder.path() / "deep" / "report.html");
  const std::string html = read_file(folder.path() / "deep" / "report.html");
  EXPECT_EQ(html, page.str());
  EXPECT_TRUE(html.ends_with("</body></html>\n"));
}

TEST(Page, RefusesWhatDoesNotFit) {
  Page page({.title = "t"});
  EXPECT_THROW(page.table({.title = "", .columns = {"a"}, .rows = {{1, 2}}}), Error);
  EXPECT_THROW(page.traversals({"a", "b"}, {{{png, "", ""}, {{"x"}}}}), Error);
  EXPECT_THROW(page.gallery({{"not a picture", "", ""}}), Error);
}

}  // namespace
}  // namespace cambium::report
