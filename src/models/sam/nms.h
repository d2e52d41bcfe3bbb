#pragma once
// Non-maximum suppression of boxes.
#include <cstdint>
#include <vector>

namespace cambium::sam {

struct ScoredBox {
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  float score = 0;
};

// Indices of the boxes kept, by falling score (the earlier one first where equal): a box goes if it overlaps one that
// is kept by an intersection over union above `threshold`. Areas are (x1 - x0)(y1 - y0), in float32, as torchvision's
// nms.
std::vector<int64_t> nms(const std::vector<ScoredBox>& boxes, double threshold);

}  // namespace cambium::sam
