#pragma once
// The part of a chart that all kinds share: title, legend, axes, grid, rules. Internal to report/.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/svg.h"

namespace cambium::report {

struct Range {
  double low = 0, high = 0;
  bool empty = true;

  // Ignores what is not finite, and what a logarithmic axis cannot show.
  void include(double value, bool log = false);
};

// From values to pixels.
struct Scale {
  double low = 0, high = 1;  // in values
  double from = 0, to = 1;   // in pixels
  bool log = false;

  double operator()(double value) const;
  // Whether the value has a place on the axis (finite; positive if logarithmic).
  bool shows(double value) const;
};

struct LegendEntry {
  std::string name;
  int64_t colour = 0;
  bool dashed = false;
  bool filled = false;  // a square instead of a stroke
};

// How wide a text will be, roughly (no font is at hand): 0.61 em a column.
double text_width(std::string_view text, double font_size = 12);

class ChartFrame {
 public:
  // `categories`, if given, replace the x axis's ticks: category i spans [i, i + 1].
  ChartFrame(const ChartOptions& options, const Range& x, const Range& y, const std::vector<LegendEntry>& legend,
             const std::vector<std::string>& categories = {});

  SvgWriter& svg() { return svg_; }
  const Scale& x() const { return x_; }
  const Scale& y() const { return y_; }
  double left() const { return x_.from; }
  double right() const { return x_.to; }
  double top() const { return y_.to; }
  double bottom() const { return y_.from; }
  // A value as the axis would write it, a little more exactly.
  std::string show_x(double value) const;
  std::string show_y(double value) const;
  // Rules go over the data; then the picture is done.
  std::string finish();

 private:
  double draw_legend(const std::vector<LegendEntry>& legend, double y);

  ChartOptions options_;
  SvgWriter svg_;
  Scale x_, y_;
};

// Error unless sizes and limits make sense.
void validate(const ChartOptions& options);

}  // namespace cambium::report
