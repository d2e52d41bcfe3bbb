#pragma once
// Charts as inline SVG: lines, scatter, histogram, bars. Readable in light and dark (colours are CSS variables with
// fallbacks, so a chart also stands alone in a file), titles as tooltips, an alternative text for screen readers.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::report {

struct Axis {
  std::string label = {};
  std::optional<double> low = std::nullopt, high = std::nullopt;  // else from the data, rounded outwards to nice ticks
  bool log = false;                                               // values <= 0 are then left out
  bool percent = false;                                           // ticks as per cent of the values
};

// A straight rule across the plot: chance level, end of warm-up.
struct Rule {
  enum class Kind { horizontal, vertical } kind = Kind::horizontal;
  double at = 0;
  std::string label = {};
};

struct ChartOptions {
  std::string title = {};        // shown above the plot
  std::string description = {};  // what the chart shows, in a sentence, for screen readers
  Axis x = {}, y = {};
  std::vector<Rule> rules = {};
  int64_t width = 560, height = 310;
  bool legend = true;  // shown only when there is more than one series
};

// x and y of one length. Not finite: the line breaks there, the point is left out. An empty x means 0, 1, 2, ...
struct Series {
  std::string name;
  std::vector<double> x, y;
  bool dashed = false;
  bool markers = false;
  int64_t colour = -1;                   // palette position 0-7; -1: the series' own position
  std::vector<std::string> titles = {};  // a tooltip per point (scatter, or lines with markers)
};

struct Distribution {
  std::string name;
  std::vector<double> values;  // not finite: left out, and counted in the legend
  int64_t colour = -1;
};

struct HistogramOptions {
  ChartOptions chart = {};
  int64_t bins = 0;     // 0: by the Freedman-Diaconis rule over all values, between 12 and 60
  bool density = true;  // share of each distribution per bin instead of counts, so that unequal sizes compare
};

// One bar per category and group; `values[g][c]`. `errors`, of the same shape, adds whiskers of one standard error.
struct Bars {
  std::vector<std::string> categories, groups;
  std::vector<std::vector<double>> values;
  std::vector<std::vector<double>> errors = {};
};

std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);
std::string scatter_chart(const std::vector<Series>& series, const ChartOptions& options);
std::string histogram(const std::vector<Distribution>& distributions, const HistogramOptions& options);
std::string bar_chart(const Bars& bars, const ChartOptions& options);

// Round numbers that cover [low, high] in steps of 1, 2, 2.5 or 5 times a power of ten, about `wanted` of them.
std::vector<double> nice_ticks(double low, double high, int64_t wanted = 5);
// The powers of ten (with 2 and 5 between, where few) that cover [low, high]; both > 0.
std::vector<double> log_ticks(double low, double high);

// "var(--c1,#2f6db5)": the palette's colour for a series, for use in a style attribute. Chosen to be told apart by
// colour-blind readers, in light and dark.
std::string series_colour(int64_t position);

// Writes elements into an SVG; every string is escaped.
class SvgWriter {
 public:
  SvgWriter(double width, double height, std::string_view css_class, std::string_view title,
            std::string_view description);
  // <name key="value" ...>; values are escaped. `title` becomes a tooltip.
  void element(std::string_view name, const std::vector<std::pair<std::string, std::string>>& attributes,
               std::string_view title = {});
  void open(std::string_view name, const std::vector<std::pair<std::string, std::string>>& attributes);
  void close(std::string_view name);
  // `style` is CSS; anchor: start, middle or end.
  void text(double x, double y, std::string_view text, std::string_view anchor = "start", std::string_view style = {},
            std::string_view title = {});
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  std::string finish();

 private:
  std::string out_;
};

// Coordinates with at most two decimals, so that pages stay small.
std::string coordinate(double value);

}  // namespace cambium::report
