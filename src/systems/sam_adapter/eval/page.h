#pragma once
// The report of an evaluation: the table, curves, and a gallery of the best, the middling and the worst pictures.
#include <functional>
#include <string>
#include <vector>

#include "io/image.h"
#include "report/html.h"
#include "systems/sam_adapter/eval/evaluation.h"

namespace cambium::systems::sam_adapter {

// What is shown of a picture.
struct Exhibit {
  io::Image picture;     // RGB; empty: not shown
  io::Image mask;        // one channel, 0 or 255
  io::Image prediction;  // one channel, 0..255
};

// Picture, mask, prediction, and where they differ, side by side: hits green, false alarms orange, misses blue, at a
// prediction of one half. `height`: pixels.
io::Image exhibit_strip(const Exhibit& exhibit, int64_t height = 150);

struct GalleryOptions {
  int64_t each = 4;  // pictures of the best, the middling and the worst
  std::string title = "Evaluation";
  std::string subtitle = "";
  std::string footer = "";
};

// Which pictures of a set are shown, by S-measure (where undefined: by IoU), best first.
struct Selection {
  std::vector<int64_t> best, median, worst;
};
Selection select_by_s(const ScoredSet& set, int64_t each);

// `exhibit(set, image)` fetches what is shown: indices into `sets` and their images.
using ExhibitSource = std::function<Exhibit(int64_t set, int64_t image)>;
report::Page evaluation_page(const std::vector<ScoredSet>& sets, const ExhibitSource& exhibit,
                             const GalleryOptions& options = {});

}  // namespace cambium::systems::sam_adapter
