#include "systems/sam_adapter/eval/page.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "io/resize.h"
#include "report/svg.h"
#include "report/text.h"
#include "systems/sam_adapter/eval/outputs.h"

namespace cambium::systems::sam_adapter {
namespace {

constexpr int64_t kGap = 4;  // pixels between the panels of a strip
constexpr uint8_t kHalf = 127;

using Colour = std::array<uint8_t, 3>;
// The report's own palette, told apart by colour-blind readers too.
constexpr Colour kHit{23, 138, 104}, kFalseAlarm{224, 107, 40}, kMiss{54, 120, 204};

// Pictures differ in aspect by what users have, not without bounds: the longest panel is three times as wide as high.
io::Image panel(const io::Image& image, int64_t height, io::Filter filter) {
  const double aspect = static_cast<double>(image.width) / static_cast<double>(image.height);
  const auto width = std::clamp<int64_t>(std::llround(aspect * static_cast<double>(height)), 1, 3 * height);
  return io::to_rgb(io::resize(image, width, height, filter));
}

// Dimmed picture (or dark ground) with the differences in colour.
io::Image differences(const Exhibit& exhibit) {
  io::Image out(exhibit.mask.width, exhibit.mask.height, 3);
  const bool ground = exhibit.picture.width == out.width && exhibit.picture.height == out.height;
  const io::Image grey = ground ? io::to_grey(exhibit.picture) : io::Image();
  for (size_t i = 0; i < exhibit.mask.pixels.size(); ++i) {
    const bool truth = exhibit.mask.pixels[i] > kHalf, found = exhibit.prediction.pixels[i] > kHalf;
    const int under = ground ? grey.pixels[i] : 64;
    for (size_t c = 0; c < 3; ++c) {
      const Colour& colour = truth ? (found ? kHit : kMiss) : kFalseAlarm;
      out.pixels[3 * i + c] = static_cast<uint8_t>(truth || found ? (2 * colour[c] + under) / 3 : under / 2);
    }
  }
  return out;
}

void paste(const io::Image& part, io::Image& onto, int64_t left) {
  for (int64_t y = 0; y < part.height; ++y) std::copy_n(part.row(y), 3 * part.width, onto.row(y) + 3 * left);
}

report::Picture picture_of(const Exhibit& exhibit, const ScoredImage& scored) {
  const io::Image strip = exhibit_strip(exhibit);
  const auto fixed = [](double value) { return report::format_fixed(value, 3); };
  return {.bytes = io::encode_jpeg(strip, 88),
          .alt = scored.name + ": " + (exhibit.picture.empty() ? "" : "picture, ") + "mask, prediction, differences",
          .caption = scored.name + " · S " + fixed(scored.scores.s) + " · wF " + fixed(scored.scores.weighted_f) +
                     " · IoU " + fixed(scored.scores.iou),
          .aspect = static_cast<double>(strip.width) / static_cast<double>(strip.height)};
}

std::vector<report::Figure> curves(const std::vector<ScoredSet>& sets) {
  std::vector<double> thresholds(metrics::kThresholds);
  for (size_t t = 0; t < thresholds.size(); ++t) thresholds[t] = static_cast<double>(255 - t) / 255;
  std::vector<report::Series> e, f;
  std::vector<report::Distribution> s;
  for (const ScoredSet& set : sets) {
    e.push_back({.name = set.name, .x = thresholds, .y = {set.summary.e_curve.begin(), set.summary.e_curve.end()}});
    f.push_back({.name = set.name, .x = thresholds, .y = {set.summary.f_curve.begin(), set.summary.f_curve.end()}});
    std::vector<double> values;
    for (const ScoredImage& image : set.images) values.push_back(image.scores.s);
    s.push_back({.name = set.name, .values = values});
  }
  const report::Axis threshold{.label = "threshold", .low = 0, .high = 1};
  return {{.svg = report::line_chart(e, {.title = "E-measure",
                                         .description = "E-measure over thresholds",
                                         .x = threshold,
                                         .y = {.low = 0, .high = 1}})},
          {.svg = report::line_chart(f, {.title = "F-measure",
                                         .description = "F-measure over thresholds",
                                         .x = threshold,
                                         .y = {.low = 0, .high = 1}})},
          {.svg = report::histogram(s, {.chart = {.title = "S-measure of the pictures",
                                                  .description = "Histogram of the S-measure",
                                                  .x = {.label = "S", .low = 0, .high = 1}}})}};
}

}  // namespace

io::Image exhibit_strip(const Exhibit& exhibit, int64_t height) {
  std::vector<io::Image> panels;
  if (!exhibit.picture.empty()) panels.push_back(panel(exhibit.picture, height, io::Filter::bilinear));
  panels.push_back(panel(exhibit.mask, height, io::Filter::box));
  panels.push_back(panel(exhibit.prediction, height, io::Filter::box));
  panels.push_back(panel(differences(exhibit), height, io::Filter::box));
  int64_t width = -kGap;
  for (const io::Image& one : panels) width += one.width + kGap;
  io::Image strip(width, height, 3);
  std::fill(strip.pixels.begin(), strip.pixels.end(), uint8_t{255});
  int64_t left = 0;
  for (const io::Image& one : panels) {
    paste(one, strip, left);
    left += one.width + kGap;
  }
  return strip;
}

Selection select_by_s(const ScoredSet& set, int64_t each) {
  std::vector<int64_t> order(set.images.size());
  std::iota(order.begin(), order.end(), 0);
  const auto value = [&](int64_t i) {
    const auto& scores = set.images[static_cast<size_t>(i)].scores;
    return std::isnan(scores.s) ? scores.iou : scores.s;
  };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return value(a) > value(b); });
  const auto count = static_cast<int64_t>(order.size());
  const auto part = [&](int64_t first, int64_t last) {
    return std::vector<int64_t>(order.begin() + first, order.begin() + last);
  };
  // Small sets: no picture twice.
  const int64_t ends = std::min(each, (count + 2) / 3),
                middle = std::min(each, count - 2 * ends > 0 ? count - 2 * ends : 0);
  const int64_t from = std::clamp((count - middle) / 2, ends, std::max(ends, count - ends - middle));
  return {.best = part(0, ends),
          .median = part(from, std::min(count, from + middle)),
          .worst = part(std::max(ends + middle, count - ends), count)};
}

report::Page evaluation_page(const std::vector<ScoredSet>& sets, const ExhibitSource& exhibit,
                             const GalleryOptions& options) {
  report::Page page({.title = options.title, .subtitle = options.subtitle, .footer = options.footer});
  page.section("Scores");
  page.table(score_table(sets));
  page.figures(curves(sets));
  for (int64_t s = 0; s < static_cast<int64_t>(sets.size()); ++s) {
    const ScoredSet& set = sets[static_cast<size_t>(s)];
    const Selection selection = select_by_s(set, options.each);
    page.section(sets.size() == 1 ? "Gallery" : "Gallery: " + set.name);
    page.paragraph(
        "Ordered by S-measure. From left to right: picture (where there is one), mask, prediction, and their "
        "difference at one half: "
        "hits in green, false alarms in orange, misses in blue.");
    const auto show = [&](const char* title, const std::vector<int64_t>& which) {
      if (which.empty()) return;
      page.subsection(title);
      std::vector<report::Picture> pictures;
      for (const int64_t i : which) pictures.push_back(picture_of(exhibit(s, i), set.images[static_cast<size_t>(i)]));
      page.gallery(pictures, {}, 490);  // two columns on a wide screen
    };
    show("Best", selection.best);
    show("In the middle", selection.median);
    show("Worst", selection.worst);
  }
  return page;
}

}  // namespace cambium::systems::sam_adapter
