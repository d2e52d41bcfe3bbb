#include "systems/sam_adapter/segment/request.h"

#include <ATen/ops/tensor.h>

#include <charconv>
#include <cmath>
#include <sstream>

#include "core/error.h"

namespace cambium::systems::sam_adapter {
namespace {

// "3,4.5" as numbers; empty where one is none.
std::vector<double> numbers(const std::string& text) {
  std::vector<double> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    double value = 0;
    const auto [rest, code] = std::from_chars(at, end, value);
    if (code != std::errc() || !std::isfinite(value)) return {};
    out.push_back(value);
    if (rest == end) return out;
    if (*rest != ',') return {};
    at = rest + 1;
  }
}

std::string text_of(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

void outside(const std::string& what, int64_t height, int64_t width, const std::string& file) {
  throw UsageError({.what = what + " lies outside the picture of " + std::to_string(width) + " x " +
                            std::to_string(height) + " pixels",
                    .file = file,
                    .mend = "count from 0 at the top left"});
}

}  // namespace

void SegmentRequest::validate(bool adapted) const {
  if (adapted) {
    if (prompted() || everything) {
      throw UsageError({.what = "a delta segments without prompts",
                        .field = "--delta",
                        .mend = "leave out --point, --box and --everything"});
    }
    return;
  }
  if (everything && prompted()) {
    throw UsageError({.what = "--everything asks for all masks, --point and --box for one", .mend = "give either"});
  }
  if (!everything && !prompted()) {
    throw UsageError({.what = "nothing says what to segment",
                      .mend = "give --point x,y, --box x0,y0,x1,y1, --everything or a --delta"});
  }
  if (boxes.size() > 1 && !points.empty()) {
    throw UsageError({.what = "points go with one box, not with " + std::to_string(boxes.size()),
                      .field = "--box",
                      .mend = "give one box, or run once for each object"});
  }
  if (boxes.empty() && !points.empty()) {
    bool object = false;
    for (const auto& point : points) object |= point.object;
    if (!object)
      throw UsageError(
          {.what = "all points are background", .field = "--point", .mend = "give one on the object: x,y,1"});
  }
  if (everything) automatic.validate();
}

PromptPoint parse_point(const std::string& text) {
  const auto values = numbers(text);
  const bool label = values.size() == 3 && (values[2] == 0 || values[2] == 1);
  if (values.size() != 2 && !label) {
    throw UsageError(
        {.what = "\"" + text + "\" is no point", .field = "--point", .mend = "write x,y, or x,y,0 for background"});
  }
  return {.x = values[0], .y = values[1], .object = values.size() == 2 || values[2] == 1};
}

std::array<double, 4> parse_box(const std::string& text) {
  const auto values = numbers(text);
  if (values.size() != 4 || values[0] >= values[2] || values[1] >= values[3]) {
    throw UsageError({.what = "\"" + text + "\" is no box",
                      .field = "--box",
                      .mend = "write x0,y0,x1,y1: left, top, right, bottom"});
  }
  return {values[0], values[1], values[2], values[3]};
}

void check_inside(const SegmentRequest& request, int64_t height, int64_t width, const std::string& file) {
  const auto w = static_cast<double>(width), h = static_cast<double>(height);
  for (const auto& point : request.points) {
    if (point.x < 0 || point.y < 0 || point.x >= w || point.y >= h) {
      outside("the point " + text_of(point.x) + "," + text_of(point.y), height, width, file);
    }
  }
  for (const auto& box : request.boxes) {
    if (box[0] < 0 || box[1] < 0 || box[2] > w || box[3] > h) {
      outside("the box " + text_of(box[0]) + "," + text_of(box[1]) + "," + text_of(box[2]) + "," + text_of(box[3]),
              height, width, file);
    }
  }
}

cambium::sam::Prompts to_prompts(const SegmentRequest& request) {
  cambium::sam::Prompts prompts;
  if (!request.points.empty()) {
    std::vector<double> points;
    std::vector<int64_t> labels;
    for (const auto& point : request.points) {
      points.insert(points.end(), {point.x, point.y});
      labels.push_back(point.object ? 1 : 0);
    }
    prompts.points = at::tensor(points, at::kDouble).view({1, -1, 2});
    prompts.labels = at::tensor(labels, at::kLong).view({1, -1});
  }
  if (!request.boxes.empty()) {
    std::vector<double> boxes;
    for (const auto& box : request.boxes) boxes.insert(boxes.end(), box.begin(), box.end());
    prompts.boxes = at::tensor(boxes, at::kDouble).view({-1, 4});
  }
  return prompts;
}

}  // namespace cambium::systems::sam_adapter
