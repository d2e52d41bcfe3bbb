#include "report/svg.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "report/poincare.h"
#include "report/well_formed.h"

namespace cambium::report {
namespace {

constexpr const char* hostile = "</title><script>alert('1')</script> \" & \xFF";

size_t count(const std::string& text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

void expect_safe(const std::string& svg) {
  EXPECT_EQ(test::xml_fault(svg), "");
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  EXPECT_EQ(svg.find("\"nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Ticks, AreRoundAndCover) {
  EXPECT_EQ(nice_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_DOUBLE_EQ(nice_ticks(0.3, 1.1, 4).front(), 0.2);
  const auto ticks = nice_ticks(-3.3, 7.9, 5);
  EXPECT_LE(ticks.front(), -3.3);
  EXPECT_GE(ticks.back(), 7.9);
  EXPECT_NE(std::find(ticks.begin(), ticks.end(), 0.0), ticks.end());
  EXPECT_GE(nice_ticks(5, 5, 4).size(), 3u);  // one value only: still an axis
  EXPECT_GE(nice_ticks(1e300, 1e300, 4).size(), 2u);
  EXPECT_THROW(nice_ticks(NAN, 1), Error);
  EXPECT_EQ(log_ticks(1, 10000), (std::vector<double>{1, 10, 100, 1000, 10000}));
  EXPECT_EQ(log_ticks(15, 40), (std::vector<double>{10, 20, 50, 100}));
  EXPECT_THROW(log_ticks(0, 1), Error);
}

TEST(LineChart, BreaksAtGapsAndEscapes) {
  const std::string svg = line_chart(
      {{hostile, {}, {1, 2, NAN, 3, INFINITY, 5}}, {"b", {0, 1}, {4, 4}}},
      {.title = hostile, .description = hostile, .x = {.label = hostile}, .rules = {{.at = 2, .label = hostile}}});
  expect_safe(svg);
  EXPECT_EQ(count(svg, "<path"), 2u);  // 1-2 and the second series; the lone points are dots
}

TEST(LineChart, ThinsWhatIsDenserThanPixelsButKeepsASpike) {
  Series dense{.name = "loss", .x = {}, .y = std::vector<double>(200000)};
  for (size_t i = 0; i < dense.y.size(); ++i) dense.y[i] = std::sin(0.01 * static_cast<double>(i));
  const std::string flat = line_chart({dense}, {.y = {.low = -50.0, .high = 50.0}});
  dense.y[100000] = 50;
  const std::string svg = line_chart({dense}, {.y = {.low = -50.0, .high = 50.0}});
  EXPECT_LT(svg.size(), 60000u);
  EXPECT_NE(svg, flat);
  expect_safe(svg);
}

TEST(LineChart, SurvivesEmptyAndDegenerateData) {
  expect_safe(line_chart({}, {}));
  expect_safe(line_chart({{"none", {}, {}}}, {}));
  expect_safe(line_chart({{"same", {1, 1}, {2, 2}}}, {}));
  expect_safe(line_chart({{"zero", {}, {0, 0, 0}}}, {.y = {.log = true}}));
  expect_safe(line_chart({{"limits", {}, {5, 6}}}, {.y = {.low = 10.0}}));
  EXPECT_THROW(line_chart({{"bad", {1, 2}, {1}}}, {}), Error);
  EXPECT_THROW(line_chart({}, {.width = 1}), Error);
}

TEST(ScatterChart, LeavesOutWhatHasNoPlace) {
  const std::string svg =
      scatter_chart({{"points", {1, NAN, 3}, {1, 2, 3}, false, false, -1, {hostile, "", "last"}}}, {});
  expect_safe(svg);
  EXPECT_EQ(count(svg, "<circle"), 2u);
  EXPECT_NE(svg.find("<title>last</title>"), std::string::npos);
}

TEST(Histogram, CountsEveryValueOnce) {
  const std::string svg =
      histogram({{.name = hostile, .values = {0, 0.1, 0.5, 0.99, 1, NAN}}}, {.bins = 2, .density = false});
  expect_safe(svg);
  // Bins [0, 0.5) and [0.5, 1]: 2 and 3.
  EXPECT_EQ(count(svg, ": 2</title>"), 1u);
  EXPECT_EQ(count(svg, ": 3</title>"), 1u);
  expect_safe(histogram({}, {}));
  expect_safe(histogram({{.name = "one", .values = {3}}}, {}));
}

TEST(BarChart, DrawsEachBar) {
  const std::string svg =
      bar_chart({{"a", hostile}, {"g", hostile}, {{1, 2}, {3, NAN}}, {{0.1, 0.1}, {0.1, 0.1}}}, {.title = "t"});
  expect_safe(svg);
  EXPECT_EQ(count(svg, "rx=\"2\""), 3u);
  EXPECT_THROW(bar_chart({{"a"}, {"g"}, {{1, 2}}}, {}), Error);
  EXPECT_THROW(bar_chart({{}, {}, {}}, {}), Error);
}

TEST(PoincareDisc, PlacesPicturesAndWords) {
  const std::string picture = "data:image/png;base64,AAAA";
  const std::vector<DiscItem> items = {{.x = 0.1, .y = 0.1, .label = hostile, .level = 0},
                                       {.x = -0.4, .y = 0.2, .label = "word", .level = 2},
                                       {.x = 0.5, .y = 0.5, .label = hostile, .picture = picture, .level = 3},
                                       {.x = 0.5, .y = 0.5, .label = "hidden under it", .picture = picture, .level = 3},
                                       {.x = 9, .y = 0, .label = "outside", .level = 2}};
  const std::string svg = poincare_disc(items, {{0, 1}, {0, 2}}, {.title = hostile, .levels = {"a", hostile}});
  expect_safe(svg);
  EXPECT_EQ(count(svg, "<image"), 1u);
  EXPECT_NE(svg.find("word</text>"), std::string::npos);
  expect_safe(poincare_disc({}, {}, {}));
}

TEST(PoincareDisc, LabelsCirclesWithDistances) {
  // tanh(sqrt(c) d / 2) with c = 4 and d = 1 is 0.7616: 0.7616 * (size / 2 - 4) pixels from the middle.
  const std::string svg = poincare_disc({}, {}, {.curvature = 4, .circles = {1}, .zoom = 1, .size = 608});
  EXPECT_NE(svg.find("r=\"228.48\""), std::string::npos);
}

TEST(PoincareDisc, ZoomLeavesOutTheRest) {
  const std::vector<DiscItem> items = {{.x = 0.1, .y = 0, .label = "near"}, {.x = 0.8, .y = 0, .label = "far"}};
  const std::string svg = poincare_disc(items, {{0, 1}}, {.zoom = 0.5});
  EXPECT_NE(svg.find("near"), std::string::npos);
  EXPECT_EQ(svg.find("far"), std::string::npos);
}

TEST(PoincareDisc, RefusesNonsense) {
  EXPECT_THROW(poincare_disc({{.x = NAN}}, {}, {}), Error);
  EXPECT_THROW(poincare_disc({{}}, {{0, 1}}, {}), Error);
  EXPECT_THROW(poincare_disc({}, {}, {.curvature = 0}), Error);
  EXPECT_THROW(poincare_disc({}, {}, {.zoom = 2}), Error);
  EXPECT_THROW(poincare_disc({}, {}, {.size = 0}), Error);
}

}  // namespace
}  // namespace cambium::report
