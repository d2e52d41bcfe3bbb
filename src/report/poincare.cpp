#include "report/poincare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "report/chart_frame.h"
#include "report/text.h"

namespace cambium::report {
namespace {

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;

  double overlap(const Box& other) const {
    const double width = std::min(right, other.right) - std::max(left, other.left);
    const double height = std::min(bottom, other.bottom) - std::max(top, other.top);
    return width > 0 && height > 0 ? width * height : 0;
  }
  double area() const { return (right - left) * (bottom - top); }
};

struct Placed {
  double x = 0, y = 0;  // pixels
  double radius = 0;    // distance from the middle in the unit disc
  double picture = 0;   // side in pixels; 0: a dot
  double dot = 0;       // radius of the dot
};

// d = 2 atanh(r) / sqrt(c), and back (spec: the unit-ball point of the hyperboloid's projection).
double distance_of(double radius, double curvature) {
  return 2 * std::atanh(std::min(radius, 1 - 1e-12)) / std::sqrt(curvature);
}
double radius_of(double distance, double curvature) { return std::tanh(std::sqrt(curvature) * distance / 2); }

double font_size(int64_t level) { return level == 0 ? 15 : level == 1 ? 12.5 : 11; }

class Disc {
 public:
  Disc(const std::vector<DiscItem>& items, const DiscOptions& options)
      : items_(items),
        options_(options),
        header_(options.title.empty() ? 0 : 26),
        legend_(options.levels.empty() ? 0 : 24),
        svg_(static_cast<double>(options.size), static_cast<double>(options.size) + header_ + legend_, "disc",
             options.title, options.description) {
    const auto size = static_cast<double>(options.size);
    middle_x_ = size / 2;
    middle_y_ = header_ + legend_ + size / 2;
    double outermost = 0;
    for (const DiscItem& item : items) {
      const double radius = std::hypot(item.x, item.y);
      if (std::isfinite(radius)) outermost = std::max(outermost, std::min(radius, 0.999));
    }
    zoom_ = options.zoom > 0 ? options.zoom : std::min(1.0, std::max(0.05, 1.06 * outermost));
    if (zoom_ > 0.9) zoom_ = 1;
    scale_ = (size / 2 - 4) / zoom_;
  }

  std::string draw(const std::vector<std::pair<int64_t, int64_t>>& edges) {
    place();
    draw_header();
    draw_ground();
    for (const auto& [from, to] : edges) draw_edge(from, to);
    draw_pictures();
    draw_words();
    return svg_.finish();
  }

 private:
  void place() {
    placed_.resize(items_.size());
    for (size_t i = 0; i < items_.size(); ++i) {
      Placed& at = placed_[i];
      double x = items_[i].x, y = items_[i].y;
      at.radius = std::hypot(x, y);
      if (!std::isfinite(at.radius)) {
        throw Error({.what = "item " + std::to_string(i) + " (" + items_[i].label + ") has no finite place in the disc",
                     .field = options_.title,
                     .mend = "check the embeddings for NaN"});
      }
      if (at.radius >= 0.999) {
        x *= 0.999 / at.radius;
        y *= 0.999 / at.radius;
        at.radius = 0.999;
      }
      at.x = middle_x_ + scale_ * x;
      at.y = middle_y_ - scale_ * y;
      // The metric's own scale is (1 - r^2)/2: lengths shrink so; its square root keeps pictures readable.
      const double shrink = std::sqrt((1 - at.radius * at.radius) / (1 - 0.25 * zoom_ * zoom_ * at.radius * at.radius));
      if (!items_[i].picture.empty()) at.picture = std::max(14.0, options_.picture_size * std::min(1.0, shrink));
      at.dot = items_[i].level == 0 ? 4.5 : items_[i].level == 1 ? 3.5 : 2.5;
    }
  }

  void draw_header() {
    if (header_ > 0) svg_.text(0, 16, options_.title, "start", "font-size:14px;font-weight:600");
    double x = 0;
    for (size_t level = 0; level < options_.levels.size(); ++level) {
      svg_.element("circle", {{"cx", coordinate(x + 6)},
                              {"cy", coordinate(header_ + 8)},
                              {"r", "5"},
                              {"style", "fill:" + series_colour(static_cast<int64_t>(level))}});
      svg_.text(x + 17, header_ + 12, options_.levels[level]);
      x += 17 + text_width(options_.levels[level]) + 18;
    }
  }

  void circle(double radius, const std::string& style) {
    svg_.element("circle", {{"cx", coordinate(middle_x_)},
                            {"cy", coordinate(middle_y_)},
                            {"r", coordinate(scale_ * radius)},
                            {"style", style}});
  }

  void draw_ground() {
    circle(zoom_, "fill:var(--disc,#f6f8fb);stroke:var(--axis,#98a2ae);stroke-width:1.2" +
                      std::string(zoom_ < 1 ? ";stroke-dasharray:2 3" : ""));
    std::vector<double> distances = options_.circles;
    if (distances.empty()) {
      for (const double tick : nice_ticks(0, distance_of(std::min(zoom_, 0.985), options_.curvature), 4))
        distances.push_back(tick);
    }
    double labelled = 0;  // circles crowd towards the rim: not all have room for their number
    for (const double distance : distances) {
      const double radius = radius_of(distance, options_.curvature);
      if (!(radius > 0) || radius >= zoom_) continue;
      circle(radius, "fill:none;stroke:var(--grid,#dde2e8);stroke-width:1");
      if (scale_ * radius < labelled + 18) continue;
      labelled = scale_ * radius;
      svg_.text(middle_x_ + 3, middle_y_ + scale_ * radius - 4, format_number(distance, 3), "start",
                "font-size:10px;fill:var(--muted,#5b6675)");
      blocked_.push_back({middle_x_, middle_y_ + scale_ * radius - 14, middle_x_ + 26, middle_y_ + scale_ * radius});
    }
    svg_.element("path",
                 {{"d", "M" + coordinate(middle_x_ - 6) + " " + coordinate(middle_y_) + "h12m-6 -6v12"},
                  {"style", "stroke:var(--ink,#1c2430);stroke-width:1.5"}},
                 "the root: distance 0");
  }

  // The arc of the circle through both points at right angles to the rim: centre z with z.p = (1 + |p|^2)/2 for both.
  void draw_edge(int64_t from, int64_t to) {
    const auto count = static_cast<int64_t>(items_.size());
    if (from < 0 || to < 0 || from >= count || to >= count) {
      throw Error({.what = "an edge names item " + std::to_string(std::max(from, to)) + " of " + std::to_string(count),
                   .field = options_.title,
                   .mend = "use positions in the list of items"});
    }
    const Placed& a = placed_[static_cast<size_t>(from)];
    const Placed& b = placed_[static_cast<size_t>(to)];
    if (a.radius > zoom_ || b.radius > zoom_) return;
    const double ax = (a.x - middle_x_) / scale_, ay = (a.y - middle_y_) / scale_;
    const double bx = (b.x - middle_x_) / scale_, by = (b.y - middle_y_) / scale_;
    const double cross = ax * by - ay * bx;
    std::string path = "M" + coordinate(a.x) + " " + coordinate(a.y);
    const double pa = (1 + ax * ax + ay * ay) / 2, pb = (1 + bx * bx + by * by) / 2;
    const double zx = (pa * by - pb * ay) / cross, zy = (pb * ax - pa * bx) / cross;
    const double radius = std::sqrt(std::max(0.0, zx * zx + zy * zy - 1));
    if (std::abs(cross) < 1e-6 || !std::isfinite(radius) || radius > 50) {
      path += "L" + coordinate(b.x) + " " + coordinate(b.y);
    } else {
      const bool sweep = (ax - zx) * (by - zy) - (ay - zy) * (bx - zx) > 0;
      const std::string r = coordinate(scale_ * radius);
      path += "A" + r + " " + r + " 0 0 " + (sweep ? "1 " : "0 ") + coordinate(b.x) + " " + coordinate(b.y);
    }
    svg_.element("path", {{"d", path}, {"style", "fill:none;stroke:var(--edge,#b9c2cd);stroke-width:1;opacity:.8"}});
  }

  std::string title_of(size_t i) const {
    if (!items_[i].title.empty()) return items_[i].title;
    return items_[i].label + "\ndistance from the root " +
           format_number(distance_of(placed_[i].radius, options_.curvature), 3);
  }

  // Pictures hidden under others for more than half become dots; the first in the list wins.
  void draw_pictures() {
    for (size_t i = 0; i < items_.size(); ++i) {
      Placed& at = placed_[i];
      if (at.picture == 0 || at.radius > zoom_) continue;
      const double half = at.picture / 2;
      const Box box{at.x - half, at.y - half, at.x + half, at.y + half};
      if (std::any_of(pictures_.begin(), pictures_.end(),
                      [&](const Box& other) { return box.overlap(other) > 0.3 * box.area(); })) {
        svg_.element("circle",
                     {{"cx", coordinate(at.x)},
                      {"cy", coordinate(at.y)},
                      {"r", "2.2"},
                      {"style", "fill:" + series_colour(items_[i].level) + ";opacity:.55"}},
                     title_of(i));
        continue;
      }
      pictures_.push_back(box);
      svg_.element("rect",
                   {{"x", coordinate(box.left)},
                    {"y", coordinate(box.top)},
                    {"width", coordinate(at.picture)},
                    {"height", coordinate(at.picture)},
                    {"rx", coordinate(0.2 * at.picture)},
                    {"style", "fill:var(--plate,#fff);stroke:" + series_colour(items_[i].level) + ";stroke-width:1"}});
      const double inset = 0.09 * at.picture;
      svg_.open("g", {{"role", "img"}, {"aria-label", items_[i].label}});
      svg_.element("image",
                   {{"href", items_[i].picture},
                    {"x", coordinate(box.left + inset)},
                    {"y", coordinate(box.top + inset)},
                    {"width", coordinate(at.picture - 2 * inset)},
                    {"height", coordinate(at.picture - 2 * inset)}},
                   title_of(i));
      svg_.close("g");
    }
  }

  void draw_words() {
    std::vector<size_t> order;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (placed_[i].picture == 0 && placed_[i].radius <= zoom_) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return items_[a].level < items_[b].level; });
    for (const size_t i : order) {
      const Placed& at = placed_[i];
      blocked_.push_back({at.x - at.dot, at.y - at.dot, at.x + at.dot, at.y + at.dot});
      svg_.element("circle",
                   {{"cx", coordinate(at.x)},
                    {"cy", coordinate(at.y)},
                    {"r", coordinate(at.dot)},
                    {"style", "fill:" + series_colour(items_[i].level) + ";stroke:var(--surface,#fff);stroke-width:1"}},
                   title_of(i));
    }
    for (const size_t i : order) {
      if (!items_[i].label.empty()) draw_label(i);
    }
  }

  // Tries eight places round the dot, and two further out for general words; takes the one that hides least.
  void draw_label(size_t i) {
    const Placed& at = placed_[i];
    const int64_t level = items_[i].level;
    const double font = font_size(level);
    const double width = text_width(items_[i].label, font) * (level < 2 ? 1.1 : 1) + 2, height = font + 1;
    static constexpr std::array<std::array<double, 2>, 8> places = {
        {{1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}}};
    double least = HUGE_VAL;
    Box best;
    for (const double reach : {1.0, 2.4, 4.2}) {
      if (level > 0 && reach > 2.5) break;
      for (const auto& [dx, dy] : places) {
        const double gap = reach * (at.dot + 3);
        const double x = at.x + dx * gap + (dx > 0 ? 0 : dx < 0 ? -width : -width / 2);
        const double y = at.y + dy * (gap + (dx == 0 ? height / 2 : 0)) - height / 2;
        const Box box{x, y, x + width, y + height};
        if (box.left < 0 || box.top < header_ + legend_ || box.right > options_.size ||
            box.bottom > header_ + legend_ + options_.size)
          continue;
        double hidden = 0;
        bool taken = false;
        for (const Box& other : labels_) taken = taken || box.overlap(other) > 0;
        if (taken) continue;
        for (const Box& other : pictures_) hidden += box.overlap(other);
        for (const Box& other : blocked_) hidden += 3 * box.overlap(other);
        hidden += 0.04 * box.area() * (reach - 1);
        if (hidden < least) {
          least = hidden;
          best = box;
        }
      }
      if (least < 1) break;
    }
    const double tolerated = level == 0 ? 1.0 : level == 1 ? 0.3 : 0.1;
    if (least > tolerated * best.area()) return;  // the tooltip still says it
    labels_.push_back(best);
    const double near_x = std::clamp(at.x, best.left, best.right), near_y = std::clamp(at.y, best.top, best.bottom);
    if (std::hypot(near_x - at.x, near_y - at.y) > 2 * (at.dot + 3)) {
      svg_.line(at.x, at.y, near_x, near_y, "stroke:var(--ink,#1c2430);stroke-width:.8;opacity:.6");
    }
    svg_.text(best.left + 1, best.bottom - 0.22 * font, items_[i].label, "start",
              "font-size:" + coordinate(font) +
                  "px;fill:" + (level < 2 ? series_colour(level) : std::string("var(--ink,#1c2430)")) +
                  (level == 0   ? ";font-weight:700"
                   : level == 1 ? ";font-weight:600"
                                : "") +
                  ";paint-order:stroke;stroke:var(--surface,#fff);stroke-width:3.5px;stroke-linejoin:round",
              title_of(i));
  }

  const std::vector<DiscItem>& items_;
  const DiscOptions& options_;
  double header_, legend_;
  SvgWriter svg_;
  double middle_x_ = 0, middle_y_ = 0, zoom_ = 1, scale_ = 1;
  std::vector<Placed> placed_;
  std::vector<Box> pictures_, labels_, blocked_;
};

}  // namespace

std::string poincare_disc(const std::vector<DiscItem>& items, const std::vector<std::pair<int64_t, int64_t>>& edges,
                          const DiscOptions& options) {
  if (options.size < 200 || options.size > 10000) {
    throw Error({.what = "a disc of " + std::to_string(options.size) + " pixels cannot be drawn",
                 .field = options.title,
                 .mend = "choose 200 to 10000"});
  }
  if (!(options.curvature > 0) || !std::isfinite(options.curvature)) {
    throw Error({.what = "the curvature is not positive", .field = options.title, .mend = "give c of <x,x> = -1/c"});
  }
  if (!(options.zoom >= 0 && options.zoom <= 1))
    throw Error({.what = "the zoom is not in [0, 1]", .field = options.title, .mend = "give the radius shown, or 0"});
  return Disc(items, options).draw(edges);
}

}  // namespace cambium::report
