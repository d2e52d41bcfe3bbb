#include "models/sam/nms.h"

#include <algorithm>
#include <numeric>

namespace cambium::sam {

std::vector<int64_t> nms(const std::vector<ScoredBox>& boxes, double threshold) {
  std::vector<int64_t> order(boxes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return boxes[a].score > boxes[b].score; });
  const auto area = [](const ScoredBox& box) { return (box.x1 - box.x0) * (box.y1 - box.y0); };
  std::vector<int64_t> kept;
  for (const int64_t index : order) {
    const ScoredBox& box = boxes[index];
    const bool suppressed = std::any_of(kept.begin(), kept.end(), [&](int64_t other) {
      const ScoredBox& winner = boxes[other];
      const float width = std::max(0.f, std::min(box.x1, winner.x1) - std::max(box.x0, winner.x0));
      const float height = std::max(0.f, std::min(box.y1, winner.y1) - std::max(box.y0, winner.y0));
      const float overlap = width * height;
      return static_cast<double>(overlap / (area(winner) + area(box) - overlap)) >
             threshold;  // 0 / 0 suppresses nothing
    });
    if (!suppressed) kept.push_back(index);
  }
  return kept;
}

}  // namespace cambium::sam
