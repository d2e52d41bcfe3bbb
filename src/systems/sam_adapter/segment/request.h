#pragma once
// What is to be segmented: prompts as a user writes them.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/sam/automatic_masks.h"
#include "models/sam/prompt_encoder.h"

namespace cambium::systems::sam_adapter {

struct PromptPoint {
  double x = 0, y = 0;  // pixels of the picture
  bool object = true;   // false: background
};

struct SegmentRequest {
  std::vector<PromptPoint> points = {};               // together one prompt
  std::vector<std::array<double, 4>> boxes = {};      // x0, y0, x1, y1; several: a mask each
  bool everything = false;                            // automatic masks
  cambium::sam::AutomaticMaskOptions automatic = {};  // with everything
  bool multimask = false;                             // all three masks of a prompt, not the one that SAM thinks best

  bool prompted() const { return !points.empty() || !boxes.empty(); }
  // UsageError: prompts that do not go together, or none at all where `adapted` is false (a delta needs none).
  void validate(bool adapted) const;
};

// "x,y" (object) or "x,y,1" / "x,y,0" (background). UsageError otherwise.
PromptPoint parse_point(const std::string& text);
// "x0,y0,x1,y1" with x0 < x1 and y0 < y1. UsageError otherwise.
std::array<double, 4> parse_box(const std::string& text);

// Error if a point or box lies outside a picture of that size; `file` names it. Boxes may touch the border.
void check_inside(const SegmentRequest& request, int64_t height, int64_t width, const std::string& file);

// As the predictor takes them.
cambium::sam::Prompts to_prompts(const SegmentRequest& request);

}  // namespace cambium::systems::sam_adapter
