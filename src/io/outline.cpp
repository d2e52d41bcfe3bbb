#include "io/outline.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/error.h"

namespace cambium::io {
namespace {

using Ring = std::vector<Vertex>;

// The mask with a margin, so that neighbours need no checks.
struct Bits {
  const uint8_t* data;
  int64_t height, width;
  bool at(int64_t x, int64_t y) const {
    return x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] != 0;
  }
};

// Rings along the borders of pixels, the mask on the right hand: outer ones clockwise (y points down), holes the other
// way. Every unit step is a vertex.
class Tracer {
 public:
  explicit Tracer(const Bits& bits) : bits_(bits), seen_(static_cast<size_t>(bits.width * bits.height)) {
    for (int64_t y = 0; y < bits.height; ++y) {
      for (int64_t x = 0; x < bits.width; ++x) {
        if (bits.at(x, y) && !bits.at(x, y - 1) && !seen_[y * bits.width + x]) trace(x, y);
      }
    }
  }
  std::vector<Ring> outer, holes;

 private:
  // From the top border of pixel (x, y), rightwards. Every ring has such a step.
  void trace(int64_t x, int64_t y) {
    static constexpr int64_t kDx[] = {1, 0, -1, 0}, kDy[] = {0, 1, 0, -1};  // right, down, left, up
    // The pixel ahead on the right of a vertex when arriving in each direction, and on the left.
    static constexpr int64_t kRightX[] = {0, -1, -1, 0}, kRightY[] = {0, 0, -1, -1};
    static constexpr int64_t kLeftX[] = {0, 0, -1, -1}, kLeftY[] = {-1, 0, 0, -1};
    const Vertex start{x, y};
    Ring ring;
    Vertex at = start;
    int direction = 0;
    do {
      ring.push_back(at);
      if (direction == 0) seen_[at.y * bits_.width + at.x] = true;
      at = {at.x + kDx[direction], at.y + kDy[direction]};
      if (bits_.at(at.x + kLeftX[direction], at.y + kLeftY[direction])) {
        direction = (direction + 3) % 4;  // diagonal neighbours belong together
      } else if (!bits_.at(at.x + kRightX[direction], at.y + kRightY[direction])) {
        direction = (direction + 1) % 4;
      }
    } while (!(at == start && direction == 0));
    (polygon_area(ring) > 0 ? outer : holes).push_back(std::move(ring));
  }

  const Bits& bits_;
  std::vector<bool> seen_;  // by pixel: its top border is part of a ring
};

// Joins each hole to the ring left of it. `outer` keeps one ring per area.
void cut_in_holes(const Bits& bits, std::vector<Ring>& outer, std::vector<Ring>& holes) {
  if (holes.empty()) return;
  // The upper end of each left border of a pixel, to its outer ring or to the hole (counted on) that it belongs to.
  std::unordered_map<int64_t, size_t> owner;
  const auto key = [&](const Vertex& v) { return v.y * (bits.width + 1) + v.x; };
  const auto enter = [&](const Ring& ring, size_t index) {
    for (size_t i = 0; i < ring.size(); ++i) {
      const Vertex& next = ring[(i + 1) % ring.size()];
      if (next.y < ring[i].y) owner[key(next)] = index;  // a step upwards has its pixel on the right
    }
  };
  for (size_t i = 0; i < outer.size(); ++i) enter(outer[i], i);
  const auto leftmost = [](auto& ring) {
    return std::min_element(ring.begin(), ring.end(),
                            [](const Vertex& a, const Vertex& b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  };
  // From left to right, so that the ring a hole is joined to has itself been joined to an outer one.
  std::sort(holes.begin(), holes.end(), [&](const Ring& a, const Ring& b) { return leftmost(a)->x < leftmost(b)->x; });
  std::vector<size_t> joined_to(holes.size());
  for (size_t i = 0; i < holes.size(); ++i) enter(holes[i], outer.size() + i);
  for (size_t i = 0; i < holes.size(); ++i) {
    Ring& hole = holes[i];
    const auto anchor = leftmost(hole);  // the corner of its topmost pixel in its leftmost column
    Vertex wall = *anchor;
    while (bits.at(wall.x - 1, wall.y)) --wall.x;  // along the row of pixels below the corner
    const size_t index = owner.at(key(wall));
    joined_to[i] = index < outer.size() ? index : joined_to[index - outer.size()];
    Ring& ring = outer[joined_to[i]];
    // The vertex where the ring comes up along that border, not another visit of the same corner.
    size_t place = 0;
    while (!(ring[place] == wall && ring[(place + ring.size() - 1) % ring.size()] == Vertex{wall.x, wall.y + 1}))
      ++place;
    std::rotate(hole.begin(), anchor, hole.end());
    Ring detour = std::move(hole);
    detour.push_back(detour.front());
    detour.push_back(wall);
    ring.insert(ring.begin() + static_cast<std::ptrdiff_t>(place) + 1, detour.begin(), detour.end());
  }
}

// Without the vertices in the middle of straight lines.
Ring without_straight(const Ring& ring) {
  Ring out;
  for (size_t i = 0; i < ring.size(); ++i) {
    const Vertex &before = ring[(i + ring.size() - 1) % ring.size()], &here = ring[i],
                 &after = ring[(i + 1) % ring.size()];
    const bool straight = (here.x - before.x) * (after.y - here.y) == (here.y - before.y) * (after.x - here.x) &&
                          (here.x - before.x) * (after.x - here.x) + (here.y - before.y) * (after.y - here.y) > 0;
    if (!straight) out.push_back(here);
  }
  return out;
}

double distance(const Vertex& p, const Vertex& a, const Vertex& b) {
  const auto dx = static_cast<double>(b.x - a.x), dy = static_cast<double>(b.y - a.y);
  const auto px = static_cast<double>(p.x - a.x), py = static_cast<double>(p.y - a.y);
  const double length = dx * dx + dy * dy;
  const double t = length == 0 ? 0 : std::clamp((px * dx + py * dy) / length, 0.0, 1.0);
  return std::hypot(px - t * dx, py - t * dy);
}

// Douglas and Peucker on the two halves between the first vertex and the one farthest from it.
Ring simplified(const Ring& ring, double tolerance) {
  if (ring.size() < 4) return ring;
  size_t far = 0;
  double most = -1;
  for (size_t i = 1; i < ring.size(); ++i) {
    const double d = distance(ring[i], ring[0], ring[0]);
    if (d > most) {
      most = d;
      far = i;
    }
  }
  std::vector<bool> keep(ring.size());
  keep[0] = keep[far] = true;
  std::vector<std::pair<size_t, size_t>> open = {{0, far},
                                                 {far, ring.size()}};  // the end of the ring is its first vertex
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    size_t worst = first;
    double worst_distance = tolerance;
    for (size_t i = first + 1; i < last; ++i) {
      const double d = distance(ring[i], ring[first], ring[last % ring.size()]);
      if (d > worst_distance) {
        worst_distance = d;
        worst = i;
      }
    }
    if (worst == first) continue;
    keep[worst] = true;
    open.emplace_back(first, worst);
    open.emplace_back(worst, last);
  }
  Ring out;
  for (size_t i = 0; i < ring.size(); ++i) {
    if (keep[i]) out.push_back(ring[i]);
  }
  return out.size() < 3 ? ring : out;  // an area thinner than the tolerance keeps its shape
}

}  // namespace

double polygon_area(const std::vector<Vertex>& polygon) {
  int64_t twice = 0;
  for (size_t i = 0; i < polygon.size(); ++i) {
    const Vertex &a = polygon[i], &b = polygon[(i + 1) % polygon.size()];
    twice += a.x * b.y - b.x * a.y;
  }
  return static_cast<double>(twice) / 2;
}

std::vector<std::vector<Vertex>> outline(const at::Tensor& mask, const OutlineOptions& options) {
  if (mask.dim() != 2)
    throw Error({.what = "a mask has the shape [H, W], not one of " + std::to_string(mask.dim()) + " dimensions"});
  const at::Tensor bytes = mask.detach().ne(0).to(at::kCPU).contiguous();
  const Bits bits{static_cast<const uint8_t*>(bytes.const_data_ptr()), bytes.size(0), bytes.size(1)};
  Tracer tracer(bits);
  cut_in_holes(bits, tracer.outer, tracer.holes);
  std::vector<Ring> polygons;
  for (auto& ring : tracer.outer) {
    if (polygon_area(ring) < static_cast<double>(options.min_area)) continue;
    Ring corners = without_straight(ring);
    polygons.push_back(options.tolerance > 0 ? simplified(corners, options.tolerance) : std::move(corners));
  }
  return polygons;
}

}  // namespace cambium::io
