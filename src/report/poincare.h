#pragma once
// The Poincare disc with pictures and words in place: distance from the middle is distance from the root.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cambium::report {

// A point of the open unit disc, drawn as a picture (if `picture` is set) or as a dot with its word beside it.
struct DiscItem {
  double x = 0, y = 0;       // inside the unit circle; a point outside is drawn on the rim
  std::string label = {};    // the word; pictures use it as alternative text
  std::string picture = {};  // a data URI (report/text.h: picture_uri), or empty
  int64_t level = 0;         // 0 most general: larger type, its own colour
  std::string title = {};    // tooltip; else the label and the distance
};

struct DiscOptions {
  std::string title = {};
  std::string description = {};
  std::vector<std::string> levels =
      {};                // the legend: names of levels 0, 1, ... ("groups", "subgroups", "names", "pictures")
  double curvature = 1;  // c > 0 of the hyperboloid <x,x> = -1/c; the circles are labelled in its distances
  std::vector<double> circles = {};  // distances from the root; empty: round steps chosen here
  double zoom = 0;           // radius shown, in (0, 1], items beyond left out; 0: just beyond the outermost point
  int64_t size = 720;        // pixels
  double picture_size = 34;  // of a picture at the middle; they shrink towards the rim as the metric does
};

// Edges join items by index along geodesics (arcs at right angles to the rim): group to subgroup, subgroup to name.
// Labels that would overlap are moved, or left to the tooltip if there is no room; more general items go first.
std::string poincare_disc(const std::vector<DiscItem>& items, const std::vector<std::pair<int64_t, int64_t>>& edges,
                          const DiscOptions& options);

}  // namespace cambium::report
