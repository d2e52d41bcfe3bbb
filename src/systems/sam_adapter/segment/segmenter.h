#pragma once
// Masks of pictures: by a SAM and prompts, by a SAM alone for everything, or by a SAM with a delta.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/device.h"
#include "io/image.h"
#include "io/rle.h"
#include "systems/sam_adapter/segment/request.h"

namespace cambium::systems::sam_adapter {

struct Segment {
  io::Rle mask;  // of the picture's size
  int64_t area = 0;
  int64_t category = 1;  // a delta of several classes: the class; else 1
  std::optional<double> predicted_iou = std::nullopt;
  std::optional<double> stability_score = std::nullopt;
  std::vector<std::array<double, 2>> points = {};                 // that asked for it
  std::optional<std::array<int64_t, 4>> crop_box = std::nullopt;  // x, y, width, height, with everything
};

struct Segmentation {
  int64_t height = 0, width = 0;
  std::vector<Segment> segments = {};
  // A delta's certainty, 0 to 255: sigmoid of the logits, or of several classes the largest of the softmax but the
  // background's. Empty: none.
  io::Image probability = {};
};

struct SegmentModel {
  std::string weights = {};       // a SAM, or a whole SAM-Adapter checkpoint of the original
  std::string delta = {};         // what cambium train left beside a SAM; empty: none
  bool allow_foundation = false;  // other weights of the same architecture than the delta was trained beside
  int64_t size = 0;               // pixels a side of a prompted SAM's input; 0: the model's own
};

class Segmenter {
 public:
  virtual ~Segmenter() = default;
  // Whether it needs no prompt.
  virtual bool adapted() const = 0;
  // Names of the categories, the first being number 1.
  virtual std::vector<std::string> categories() const { return {"object"}; }
  // Errors: prompts outside the picture; `file` names it. `progress` is told points done and in all, with everything.
  virtual Segmentation segment(const io::Image& rgb, const SegmentRequest& request, const std::string& file,
                               const std::function<void(int64_t, int64_t)>& progress = {}) = 0;

  static std::unique_ptr<Segmenter> open(const SegmentModel& model, const Compute& compute);
};

}  // namespace cambium::systems::sam_adapter
