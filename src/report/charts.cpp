// The charts of report/svg.h, drawn inside a ChartFrame.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "report/chart_frame.h"
#include "report/text.h"

namespace cambium::report {
namespace {

struct Point {
  double x = 0, y = 0;  // pixels
  size_t index = 0;
};

double x_of(const Series& series, size_t i) { return series.x.empty() ? static_cast<double>(i) : series.x[i]; }

int64_t colour_of(int64_t wanted, size_t position) { return wanted >= 0 ? wanted : static_cast<int64_t>(position); }

void check(const std::vector<Series>& all, const ChartOptions& options) {
  validate(options);
  for (const Series& series : all) {
    if (series.x.empty() || series.x.size() == series.y.size()) continue;
    throw Error({.what = "has " + std::to_string(series.x.size()) + " x for " + std::to_string(series.y.size()) + " y",
                 .field = series.name,
                 .mend = "give one x per y, or none"});
  }
}

ChartFrame frame_of(const std::vector<Series>& all, const ChartOptions& options, bool dots, double margin) {
  check(all, options);
  Range x, y;
  std::vector<LegendEntry> legend;
  for (size_t s = 0; s < all.size(); ++s) {
    for (size_t i = 0; i < all[s].y.size(); ++i) {
      if (!std::isfinite(all[s].y[i]) || !std::isfinite(x_of(all[s], i))) continue;
      x.include(x_of(all[s], i), options.x.log);
      y.include(all[s].y[i], options.y.log);
    }
    legend.push_back(
        {.name = all[s].name, .colour = colour_of(all[s].colour, s), .dashed = all[s].dashed, .filled = dots});
  }
  for (const Rule& rule : options.rules) {
    if (rule.kind == Rule::Kind::horizontal) y.include(rule.at, options.y.log);
  }
  if (!x.empty && !options.x.log) {
    const double extra = margin * (x.high - x.low);
    x.include(x.low - extra);
    x.include(x.high + extra);
  }
  return ChartFrame(options, x, y, legend);
}

// Runs of points without a gap. Where points are denser than pixels, only the lowest and highest of each column stay.
std::vector<std::vector<Point>> runs_of(const Series& series, const ChartFrame& frame) {
  std::vector<std::vector<Point>> runs(1);
  for (size_t i = 0; i < series.y.size(); ++i) {
    const double x = x_of(series, i);
    if (!frame.x().shows(x) || !frame.y().shows(series.y[i])) {
      if (!runs.back().empty()) runs.emplace_back();
      continue;
    }
    runs.back().push_back({frame.x()(x), frame.y()(series.y[i]), i});
  }
  for (auto& run : runs) {
    if (static_cast<double>(run.size()) < 3 * (frame.right() - frame.left())) continue;
    std::vector<Point> kept;
    for (size_t begin = 0; begin < run.size();) {
      size_t end = begin, low = begin, high = begin;
      while (end < run.size() && std::floor(run[end].x) == std::floor(run[begin].x)) {
        if (run[end].y < run[low].y) low = end;
        if (run[end].y > run[high].y) high = end;
        ++end;
      }
      kept.push_back(run[std::min(low, high)]);
      if (low != high) kept.push_back(run[std::max(low, high)]);
      begin = end;
    }
    run = std::move(kept);
  }
  return runs;
}

std::string title_of(const Series& series, size_t i, const ChartFrame& frame) {
  if (i < series.titles.size() && !series.titles[i].empty()) return series.titles[i];
  return (series.name.empty() ? "" : series.name + ": ") + frame.show_y(series.y[i]) + " at " +
         frame.show_x(x_of(series, i));
}

void dot(SvgWriter& svg, const Point& point, double radius, const std::string& style, const std::string& title) {
  svg.element("circle",
              {{"cx", coordinate(point.x)}, {"cy", coordinate(point.y)}, {"r", coordinate(radius)}, {"style", style}},
              title);
}

// Bin edges over all values by Freedman and Diaconis: width 2 IQR / n^(1/3).
std::vector<double> bin_edges(std::vector<double> values, int64_t wanted, const Axis& axis) {
  std::sort(values.begin(), values.end());
  const double low = axis.low.value_or(values.empty() ? 0 : values.front());
  double high = axis.high.value_or(values.empty() ? 1 : values.back());
  if (!(high > low)) high = low + (low == 0 ? 1 : 0.1 * std::abs(low));
  int64_t bins = wanted;
  if (bins <= 0) {
    const auto n = static_cast<double>(values.size());
    const double spread =
        values.empty() ? 0 : values[static_cast<size_t>(0.75 * (n - 1))] - values[static_cast<size_t>(0.25 * (n - 1))];
    const double width = 2 * spread / std::cbrt(std::max(1.0, n));
    bins = width > 0 ? static_cast<int64_t>(std::min(1e6, std::ceil((high - low) / width))) : 12;
    bins = std::clamp<int64_t>(bins, 12, 60);
  }
  std::vector<double> edges(static_cast<size_t>(bins) + 1);
  for (size_t i = 0; i < edges.size(); ++i)
    edges[i] = low + (high - low) * static_cast<double>(i) / static_cast<double>(bins);
  return edges;
}

std::vector<double> bin(const std::vector<double>& values, const std::vector<double>& edges, bool density) {
  std::vector<double> counts(edges.size() - 1);
  const double width = edges[1] - edges[0];
  double total = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    ++total;
    if (value < edges.front() || value > edges.back()) continue;
    const auto index = static_cast<size_t>((value - edges.front()) / width);
    ++counts[std::min(index, counts.size() - 1)];
  }
  if (density && total > 0) {
    for (double& count : counts) count /= total;
  }
  return counts;
}

}  // namespace

std::string line_chart(const std::vector<Series>& all, const ChartOptions& options) {
  ChartFrame frame = frame_of(all, options, false, 0);
  SvgWriter& svg = frame.svg();
  for (size_t s = 0; s < all.size(); ++s) {
    const std::string colour = series_colour(colour_of(all[s].colour, s));
    const auto runs = runs_of(all[s], frame);
    size_t points = 0;
    for (const auto& run : runs) {
      points += run.size();
      if (run.size() == 1) dot(svg, run[0], 2.5, "fill:" + colour, title_of(all[s], run[0].index, frame));
      if (run.size() < 2) continue;
      std::string path;
      for (const Point& point : run)
        path += (path.empty() ? "M" : "L") + coordinate(point.x) + " " + coordinate(point.y);
      svg.element(
          "path",
          {{"d", path},
           {"style", "fill:none;stroke:" + colour + ";stroke-width:2;stroke-linejoin:round;stroke-linecap:round" +
                         (all[s].dashed ? ";stroke-dasharray:5 4" : "")}},
          all[s].name);
    }
    // A few invisible discs carry the tooltips.
    const size_t every = all[s].markers ? 1 : std::max<size_t>(1, points / 48);
    size_t at = 0;
    for (const auto& run : runs) {
      for (const Point& point : run) {
        if (at++ % every != 0) continue;
        if (all[s].markers)
          dot(svg, point, 3.5, "fill:" + colour + ";stroke:var(--surface,#fff);stroke-width:1.5",
              title_of(all[s], point.index, frame));
        else
          dot(svg, point, 6, "fill:transparent", title_of(all[s], point.index, frame));
      }
    }
  }
  return frame.finish();
}

std::string scatter_chart(const std::vector<Series>& all, const ChartOptions& options) {
  ChartFrame frame = frame_of(all, options, true, 0.03);
  for (size_t s = 0; s < all.size(); ++s) {
    const std::string colour = series_colour(colour_of(all[s].colour, s));
    const double radius = all[s].y.size() > 600 ? 2.5 : 4;
    for (size_t i = 0; i < all[s].y.size(); ++i) {
      const double x = x_of(all[s], i);
      if (!frame.x().shows(x) || !frame.y().shows(all[s].y[i])) continue;
      dot(frame.svg(), {frame.x()(x), frame.y()(all[s].y[i]), i}, radius, "fill:" + colour + ";fill-opacity:.7",
          title_of(all[s], i, frame));
    }
  }
  return frame.finish();
}

std::string histogram(const std::vector<Distribution>& distributions, const HistogramOptions& options) {
  validate(options.chart);
  std::vector<double> pooled;
  for (const auto& distribution : distributions) {
    std::copy_if(distribution.values.begin(), distribution.values.end(), std::back_inserter(pooled),
                 [](double v) { return std::isfinite(v); });
  }
  const auto edges = bin_edges(std::move(pooled), options.bins, options.chart.x);
  Range x, y;
  x.include(edges.front());
  x.include(edges.back());
  y.include(0);
  std::vector<std::vector<double>> heights;
  std::vector<LegendEntry> legend;
  for (size_t d = 0; d < distributions.size(); ++d) {
    heights.push_back(bin(distributions[d].values, edges, options.density));
    for (const double height : heights.back()) y.include(height);
    const auto odd = std::count_if(distributions[d].values.begin(), distributions[d].values.end(),
                                   [](double v) { return !std::isfinite(v); });
    legend.push_back({.name = distributions[d].name + (odd > 0 ? " (" + std::to_string(odd) + " not finite)" : ""),
                      .colour = colour_of(distributions[d].colour, d),
                      .filled = true});
  }
  ChartOptions chart = options.chart;
  chart.y.percent = options.density;
  ChartFrame frame(chart, x, y, legend);
  SvgWriter& svg = frame.svg();
  for (size_t d = 0; d < distributions.size(); ++d) {
    const std::string colour = series_colour(colour_of(distributions[d].colour, d));
    std::string outline = "M" + coordinate(frame.left()) + " " + coordinate(frame.bottom());
    for (size_t b = 0; b + 1 < edges.size(); ++b) {
      outline += "V" + coordinate(frame.y()(heights[d][b])) + "H" + coordinate(frame.x()(edges[b + 1]));
    }
    outline += "V" + coordinate(frame.bottom());
    svg.element("path",
                {{"d", outline},
                 {"style",
                  "fill:" + colour + ";fill-opacity:.28;stroke:" + colour + ";stroke-width:1.5;stroke-linejoin:round"}},
                distributions[d].name);
  }
  // One tooltip per bin, for all distributions together.
  for (size_t b = 0; b + 1 < edges.size(); ++b) {
    std::string title = frame.show_x(edges[b]) + " to " + frame.show_x(edges[b + 1]);
    for (size_t d = 0; d < distributions.size(); ++d)
      title += "\n" + distributions[d].name + ": " + frame.show_y(heights[d][b]);
    const double left = frame.x()(edges[b]);
    svg.element("rect",
                {{"x", coordinate(left)},
                 {"y", coordinate(frame.top())},
                 {"width", coordinate(frame.x()(edges[b + 1]) - left)},
                 {"height", coordinate(frame.bottom() - frame.top())},
                 {"style", "fill:transparent"}},
                title);
  }
  return frame.finish();
}

std::string bar_chart(const Bars& bars, const ChartOptions& options) {
  validate(options);
  const auto same_shape = [&](const std::vector<std::vector<double>>& rows) {
    return rows.size() == bars.groups.size() &&
           std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.size() == bars.categories.size(); });
  };
  if (bars.categories.empty() || !same_shape(bars.values) || (!bars.errors.empty() && !same_shape(bars.errors))) {
    throw Error({.what = "the bars do not have one value per group and category",
                 .field = options.title,
                 .mend = "give values[group][category]"});
  }
  const auto error_of = [&](size_t g, size_t c) {
    return bars.errors.empty() || !std::isfinite(bars.errors[g][c]) ? 0.0 : bars.errors[g][c];
  };
  Range x, y;
  y.include(0);
  std::vector<LegendEntry> legend;
  for (size_t g = 0; g < bars.groups.size(); ++g) {
    for (size_t c = 0; c < bars.categories.size(); ++c) {
      y.include(bars.values[g][c] + error_of(g, c));
      y.include(bars.values[g][c] - (bars.values[g][c] < 0 ? error_of(g, c) : 0));
    }
    legend.push_back({.name = bars.groups[g], .colour = static_cast<int64_t>(g), .filled = true});
  }
  for (const Rule& rule : options.rules) y.include(rule.at);
  ChartFrame frame(options, x, y, legend, bars.categories);
  SvgWriter& svg = frame.svg();
  const double slot = frame.x()(1) - frame.x()(0);
  const double width = std::min(56.0, 0.76 * slot / static_cast<double>(bars.groups.size()));
  for (size_t c = 0; c < bars.categories.size(); ++c) {
    const double middle = frame.x()(static_cast<double>(c) + 0.5);
    for (size_t g = 0; g < bars.groups.size(); ++g) {
      const double value = bars.values[g][c];
      if (!std::isfinite(value)) continue;
      const double left = middle + (static_cast<double>(g) - static_cast<double>(bars.groups.size()) / 2) * width;
      const double zero = frame.y()(0), end = frame.y()(value);
      std::string title = bars.groups[g] + ", " + bars.categories[c] + ": " + frame.show_y(value);
      if (error_of(g, c) > 0) title += " \u00B1 " + frame.show_y(error_of(g, c));
      svg.element("rect",
                  {{"x", coordinate(left + 1)},
                   {"y", coordinate(std::min(zero, end))},
                   {"width", coordinate(width - 2)},
                   {"height", coordinate(std::abs(zero - end))},
                   {"rx", "2"},
                   {"style", "fill:" + series_colour(static_cast<int64_t>(g))}},
                  title);
      double clear = end;
      if (error_of(g, c) > 0) {
        const double up = frame.y()(value + error_of(g, c)), down = frame.y()(value - error_of(g, c));
        svg.element("path",
                    {{"d", "M" + coordinate(left + width / 2) + " " + coordinate(up) + "V" + coordinate(down)},
                     {"style", "stroke:var(--ink,#1c2430);stroke-width:1.5"}},
                    title);
        clear = std::min(up, end);
      }
      const std::string label = frame.show_y(value);
      if (text_width(label, 11) <= width + 6 && value >= 0) {
        svg.text(left + width / 2, clear - 5, label, "middle",
                 "font-size:11px;fill:var(--muted,#5b6675);font-variant-numeric:tabular-nums");
      }
    }
  }
  return frame.finish();
}

}  // namespace cambium::report
