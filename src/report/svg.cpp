#include "report/svg.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "core/error.h"
#include "report/text.h"

namespace cambium::report {

std::string coordinate(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.2f", value);
  std::string text = buffer;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string series_colour(int64_t position) {
  // Blue and orange first, which every kind of colour blindness tells apart; report/html.cpp holds the dark values.
  static constexpr std::array<const char*, 8> light = {"#2468b4", "#c8581a", "#178a68", "#8a4fc0",
                                                       "#b8860b", "#c2326e", "#2b93a8", "#6b7280"};
  const auto index = static_cast<size_t>(position) % light.size();
  return "var(--c" + std::to_string(index) + "," + light[index] + ")";
}

std::vector<double> nice_ticks(double low, double high, int64_t wanted) {
  if (!std::isfinite(low) || !std::isfinite(high) || wanted < 1) {
    throw Error({.what = "an axis from " + std::to_string(low) + " to " + std::to_string(high) + " has no ticks",
                 .mend = "give finite limits and at least one tick"});
  }
  if (low > high) std::swap(low, high);
  if (high - low <= 1e-12 * std::max(std::abs(low), std::abs(high)) || high == low) {
    const double around = low == 0 ? 1 : 0.5 * std::abs(low);
    low -= around;
    high += around;
  }
  const double rough = (high - low) / static_cast<double>(wanted);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power;
  double closest = HUGE_VAL;
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    const double distance = std::abs(std::log(factor * power / rough));
    if (distance < closest) {
      closest = distance;
      step = factor * power;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i == 0 ? 0 : i * step);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  if (!(low > 0) || !std::isfinite(high) || high < low) {
    throw Error({.what = "a logarithmic axis needs positive limits", .mend = "leave out values of zero and below"});
  }
  const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = std::max(first + 1, static_cast<int>(std::ceil(std::log10(high) - 1e-9)));
  std::vector<double> ticks;
  for (int power = first; power <= last; ++power) {
    ticks.push_back(std::pow(10.0, power));
    if (last - first > 2 || power == last) continue;
    ticks.push_back(2 * std::pow(10.0, power));
    ticks.push_back(5 * std::pow(10.0, power));
  }
  return ticks;
}

SvgWriter::SvgWriter(double width, double height, std::string_view css_class, std::string_view title,
                     std::string_view description) {
  std::string label(title);
  if (!label.empty() && !description.empty()) label += ": ";
  label += description;
  // Colours and type are set here too, so that the picture also stands alone in a file.
  out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"" + escape(css_class) + "\" viewBox=\"0 0 " +
         coordinate(width) + " " + coordinate(height) + "\" width=\"" + coordinate(width) + "\" height=\"" +
         coordinate(height) + "\" role=\"img\" aria-label=\"" + escape(label) +
         "\" style=\"font-family:var(--sans,system-ui,'Segoe UI',Roboto,Helvetica,Arial,sans-serif);font-size:12px;"
         "fill:var(--ink,#1c2430)\">";
}

void SvgWriter::open(std::string_view name, const std::vector<std::pair<std::string, std::string>>& attributes) {
  out_ += "<" + std::string(name);
  for (const auto& [key, value] : attributes) out_ += " " + key + "=\"" + escape(value) + "\"";
  out_ += ">";
}

void SvgWriter::close(std::string_view name) { out_ += "</" + std::string(name) + ">"; }

void SvgWriter::element(std::string_view name, const std::vector<std::pair<std::string, std::string>>& attributes,
                        std::string_view title) {
  open(name, attributes);
  if (title.empty()) {
    out_.back() = '/';
    out_ += '>';
  } else {
    out_ += "<title>" + escape(title) + "</title>";
    close(name);
  }
}

void SvgWriter::text(double x, double y, std::string_view text, std::string_view anchor, std::string_view style,
                     std::string_view title) {
  std::vector<std::pair<std::string, std::string>> attributes = {{"x", coordinate(x)}, {"y", coordinate(y)}};
  if (anchor != "start") attributes.emplace_back("text-anchor", anchor);
  if (!style.empty()) attributes.emplace_back("style", style);
  open("text", attributes);
  if (!title.empty()) out_ += "<title>" + escape(title) + "</title>";
  out_ += escape(text);
  close("text");
}

void SvgWriter::line(double x1, double y1, double x2, double y2, std::string_view style) {
  element("line", {{"x1", coordinate(x1)},
                   {"y1", coordinate(y1)},
                   {"x2", coordinate(x2)},
                   {"y2", coordinate(y2)},
                   {"style", std::string(style)}});
}

std::string SvgWriter::finish() {
  out_ += "</svg>";
  return std::move(out_);
}

}  // namespace cambium::report
