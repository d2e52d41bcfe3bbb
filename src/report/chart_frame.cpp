#include "report/chart_frame.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "report/text.h"

namespace cambium::report {
namespace {

constexpr const char* muted = "fill:var(--muted,#5b6675)";
constexpr const char* muted_number = "fill:var(--muted,#5b6675);font-variant-numeric:tabular-nums";
constexpr const char* rule_stroke = "stroke:var(--ink,#1c2430);stroke-width:1;stroke-dasharray:3 4;opacity:.65";
constexpr const char* rule_label =
    "fill:var(--muted,#5b6675);font-size:11px;paint-order:stroke;stroke:var(--surface,#fff);"
    "stroke-width:3px;stroke-linejoin:round";

// Decimals that tell neighbouring ticks apart.
int tick_decimals(double step) {
  for (int decimals = 0; decimals < 10; ++decimals) {
    const double scaled = step * std::pow(10.0, decimals);
    if (std::abs(scaled - std::round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return 10;
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks, const Axis& axis) {
  std::vector<std::string> labels;
  const double factor = axis.percent ? 100 : 1;
  const double step = ticks.size() > 1 ? factor * (ticks[1] - ticks[0]) : 1;
  for (const double tick : ticks) {
    const double value = factor * tick;
    std::string label;
    if (axis.log || std::abs(step) < 1e-5 || std::abs(value) >= 1e7)
      label = format_number(value, 4);
    else
      label = format_fixed(value, tick_decimals(step));
    labels.push_back(label + (axis.percent ? "%" : ""));
  }
  return labels;
}

// The axis's limits, and its ticks inside them. `tight` axes end with the data, others with a tick.
std::vector<double> settle(Scale& scale, const Axis& axis, const Range& data, bool tight, int64_t wanted) {
  scale.log = axis.log;
  double low = data.empty ? (axis.log ? 1 : 0) : data.low;
  double high = data.empty ? (axis.log ? 10 : 1) : data.high;
  low = axis.low.value_or(low);
  high = axis.high.value_or(high);
  if (axis.log && !(low > 0))
    throw Error({.what = "a logarithmic axis cannot begin at " + format_number(low),
                 .field = axis.label,
                 .mend = "give a positive limit"});
  if (!(low < high)) {
    const double around = low == 0 ? 1 : 0.1 * std::abs(low);
    if (!axis.low) low -= axis.log ? 0.5 * low : around;
    high = std::max(high, low) + around;
  }
  std::vector<double> ticks = axis.log ? log_ticks(low, high) : nice_ticks(low, high, wanted);
  scale.low = axis.low || tight ? low : ticks.front();
  scale.high = axis.high || tight ? high : ticks.back();
  const double slack = axis.log ? 0 : 1e-9 * (scale.high - scale.low);
  std::erase_if(ticks, [&](double tick) { return tick < scale.low - slack || tick > scale.high + slack; });
  return ticks;
}

std::string show_on(const Axis& axis, double value) {
  return axis.percent ? format_percent(value) : format_number(value, 4);
}

}  // namespace

void validate(const ChartOptions& options) {
  if (options.width < 160 || options.height < 120 || options.width > 10000 || options.height > 10000) {
    throw Error({.what = "a chart of " + std::to_string(options.width) + " x " + std::to_string(options.height) +
                         " pixels cannot be drawn",
                 .field = options.title,
                 .mend = "choose 160 x 120 to 10000 x 10000"});
  }
}

void Range::include(double value, bool log) {
  if (!std::isfinite(value) || (log && value <= 0)) return;
  low = empty ? value : std::min(low, value);
  high = empty ? value : std::max(high, value);
  empty = false;
}

double Scale::operator()(double value) const {
  const double share =
      log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low)) : (value - low) / (high - low);
  // Far outside is as good as just outside: keeps the numbers in the file short.
  return from + std::clamp(share, -1.0, 2.0) * (to - from);
}

bool Scale::shows(double value) const { return std::isfinite(value) && (!log || value > 0); }

double text_width(std::string_view text, double font_size) {
  return 0.61 * font_size * static_cast<double>(display_width(text));
}

ChartFrame::ChartFrame(const ChartOptions& options, const Range& x, const Range& y,
                       const std::vector<LegendEntry>& legend, const std::vector<std::string>& categories)
    : options_(options),
      svg_(static_cast<double>(options.width), static_cast<double>(options.height), "chart", options.title,
           options.description) {
  const auto width = static_cast<double>(options.width);
  const auto height = static_cast<double>(options.height);
  double top = 4;
  if (!options.title.empty()) {
    svg_.text(0, top + 12, options.title, "start", "font-size:14px;font-weight:600");
    top += 26;
  }
  if (options.legend && legend.size() > 1) top = draw_legend(legend, top);
  if (!options.y.label.empty()) {
    svg_.text(0, top + 10, options.y.label, "start", muted);
    top += 16;
  }
  top += 8;

  const double bottom = height - (options.x.label.empty() ? 24 : 42);
  const auto y_ticks = settle(y_, options.y, y, false, std::max<int64_t>(2, static_cast<int64_t>((bottom - top) / 52)));
  const auto y_labels = tick_labels(y_ticks, options.y);
  double label_width = 0;
  for (const auto& label : y_labels) label_width = std::max(label_width, text_width(label));
  const double left = std::ceil(label_width) + 12;
  const double right = width - 14;
  y_.from = bottom;
  y_.to = top;

  std::vector<double> x_ticks;
  std::vector<std::string> x_labels;
  if (categories.empty()) {
    x_ticks = settle(x_, options.x, x, true, std::max<int64_t>(2, static_cast<int64_t>((right - left) / 80)));
    x_labels = tick_labels(x_ticks, options.x);
  } else {
    x_.low = 0;
    x_.high = static_cast<double>(categories.size());
  }
  x_.from = left;
  x_.to = right;

  for (size_t i = 0; i < y_ticks.size(); ++i) {
    const double at = y_(y_ticks[i]);
    svg_.line(left, at, right, at, "stroke:var(--grid,#e3e7ec);stroke-width:1");
    svg_.text(left - 8, at + 4, y_labels[i], "end", muted_number);
  }
  svg_.line(left, bottom, right, bottom, "stroke:var(--axis,#98a2ae);stroke-width:1");
  for (size_t i = 0; i < x_ticks.size(); ++i) {
    const double at = x_(x_ticks[i]);
    svg_.line(at, bottom, at, bottom + 4, "stroke:var(--axis,#98a2ae);stroke-width:1");
    svg_.text(at, bottom + 17, x_labels[i], "middle", muted_number);
  }
  for (size_t i = 0; i < categories.size(); ++i) {
    const double room = (right - left) / static_cast<double>(categories.size());
    const bool fits = text_width(categories[i]) <= room;
    const auto columns = static_cast<size_t>(std::max(2.0, room / (0.61 * 12) - 1));
    // Cutting is by bytes only where the text is plain; other scripts keep their whole label.
    const bool plain = display_width(categories[i]) == static_cast<int64_t>(categories[i].size());
    svg_.text(x_(static_cast<double>(i) + 0.5), bottom + 17,
              fits || !plain ? categories[i] : categories[i].substr(0, columns) + "\u2026", "middle", muted,
              categories[i]);
  }
  if (!options.x.label.empty()) svg_.text((left + right) / 2, height - 5, options.x.label, "middle", muted);
}

double ChartFrame::draw_legend(const std::vector<LegendEntry>& legend, double y) {
  double x = 0;
  for (const LegendEntry& entry : legend) {
    const double needed = 24 + text_width(entry.name) + 18;
    if (x > 0 && x + needed > static_cast<double>(options_.width)) {
      x = 0;
      y += 18;
    }
    const std::string colour = series_colour(entry.colour);
    if (entry.filled) {
      svg_.element("rect", {{"x", coordinate(x)},
                            {"y", coordinate(y + 1)},
                            {"width", "12"},
                            {"height", "12"},
                            {"rx", "3"},
                            {"style", "fill:" + colour}});
      svg_.text(x + 18, y + 11, entry.name);
      x += needed - 6;
    } else {
      svg_.line(x, y + 7, x + 18, y + 7,
                "stroke:" + colour + ";stroke-width:2.5;stroke-linecap:round" +
                    (entry.dashed ? ";stroke-dasharray:5 4" : ""));
      svg_.text(x + 24, y + 11, entry.name);
      x += needed;
    }
  }
  return y + 22;
}

std::string ChartFrame::show_x(double value) const { return show_on(options_.x, value); }
std::string ChartFrame::show_y(double value) const { return show_on(options_.y, value); }

std::string ChartFrame::finish() {
  for (const Rule& rule : options_.rules) {
    const bool horizontal = rule.kind == Rule::Kind::horizontal;
    const Scale& scale = horizontal ? y_ : x_;
    if (!scale.shows(rule.at) || rule.at < scale.low || rule.at > scale.high) continue;
    const double at = scale(rule.at);
    if (horizontal) {
      svg_.line(left(), at, right(), at, rule_stroke);
      svg_.text(right(), at - 5, rule.label, "end", rule_label);
    } else {
      svg_.line(at, top(), at, bottom(), rule_stroke);
      const bool room = at + text_width(rule.label, 11) + 6 < right();
      svg_.text(room ? at + 5 : at - 5, top() + 10, rule.label, room ? "start" : "end", rule_label);
    }
  }
  return svg_.finish();
}

}  // namespace cambium::report
