#pragma once
// Everything in a picture: a grid of points, each a prompt of its own, and what is left of their masks after filtering
// (SAM, arXiv 2304.02643, section 4 and appendix B). Records are those of the original SamAutomaticMaskGenerator.
#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "io/image.h"
#include "io/rle.h"
#include "models/sam/crops.h"
#include "models/sam/frame.h"

namespace cambium::sam {

// A model that answers points. The generator shows it crops, and asks for batches of points on each.
class PointModel {
 public:
  struct Answer {
    at::Tensor logits;  // float32 [B, n, h, w], on the CPU
    at::Tensor iou;     // float32 [B, n]: how good it thinks each mask is
    // How the logits lie over the picture; none: they have its size.
    std::optional<Frame> frame = std::nullopt;
  };
  virtual ~PointModel() = default;
  // RGB. Until the next call the points are meant on this picture.
  virtual void set_image(const io::Image& image) = 0;
  // float64 [B, 2] as (x, y), pixels of the picture. n masks for each.
  virtual Answer predict(const at::Tensor& points) = 0;
};

struct AutomaticMaskOptions {
  int64_t points_per_side = 32;
  int64_t points_per_batch = 64;
  double pred_iou_thresh = 0.88;         // masks whose predicted IoU is not above it go; 0: none goes
  double stability_score_thresh = 0.95;  // masks whose stability is below it go; 0: none goes
  double stability_score_offset = 1.0;   // how far the threshold is moved to see whether the mask is stable, in logits
  double mask_threshold = 0.0;           // logits above it are mask
  double box_nms_thresh = 0.7;           // IoU of boxes above which the worse mask goes, within a crop
  int64_t crop_n_layers = 0;             // layers of crops beside the whole picture
  double crop_nms_thresh = 0.7;          // the same between crops, where the smaller crop wins
  double crop_overlap_ratio = 512.0 / 1500.0;
  int64_t crop_n_points_downscale_factor = 1;  // layer i has points_per_side / factor^i points a side
  // One grid a layer instead of points_per_side: float64 [N, 2] in the unit square. Empty: none.
  std::vector<at::Tensor> point_grids = {};
  int64_t min_mask_region_area = 0;  // holes and islands of fewer pixels are mended; 0: left

  // UsageError.
  void validate() const;
};

struct MaskRecord {
  io::Rle segmentation;  // of the picture's size
  int64_t area = 0;      // pixels
  // x, y, width, height of the mask's pixel indices, so that a single pixel has width 0.
  std::array<int64_t, 4> bbox = {};
  double predicted_iou = 0;
  std::array<double, 2> point = {};  // that asked for it, in pixels
  double stability_score = 0;
  std::array<int64_t, 4> crop_box = {};  // x, y, width, height of the crop it was found in
};

// x, y, width, height as records give them: differences, without the one that an inclusive last pixel would add.
std::array<int64_t, 4> xywh(int64_t left, int64_t top, int64_t right, int64_t bottom);
// Whether a side of the box (in the picture) is within 20 pixels of its crop's and not of the picture's: the object
// goes on outside, where another crop sees it whole.
bool near_crop_edge(const io::PixelBox& box, const CropBox& crop, int64_t height, int64_t width);

// By falling predicted IoU; with several crops, those of smaller crops first; with min_mask_region_area, those that it
// left unchanged first. Empty where nothing passes (the original raises IndexError with several crops). `progress` is
// told points done and points in all.
std::vector<MaskRecord> automatic_masks(PointModel& model, const io::Image& image,
                                        const AutomaticMaskOptions& options = {},
                                        const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace cambium::sam
