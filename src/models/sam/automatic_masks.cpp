#include "models/sam/automatic_masks.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "models/sam/mask_scaler.h"
#include "models/sam/nms.h"
#include "models/sam/small_regions.h"

namespace cambium::sam {
namespace {

// A mask on its way through the filters.
struct Candidate {
  io::Rle rle;       // of the crop, later of the picture
  io::PixelBox box;  // in the picture
  float iou = 0, stability = 0;
  std::array<double, 2> point = {};
  CropBox crop;
};

ScoredBox scored(const io::PixelBox& box, float score) {
  const auto number = [](int64_t n) { return static_cast<float>(n); };
  return {number(box.left), number(box.top), number(box.right), number(box.bottom), score};
}

// Those that survive suppression of boxes, in its order.
std::vector<Candidate> suppressed(std::vector<Candidate> masks, const std::vector<float>& scores, double threshold) {
  std::vector<ScoredBox> boxes;
  for (size_t i = 0; i < masks.size(); ++i) boxes.push_back(scored(masks[i].box, scores[i]));
  std::vector<Candidate> kept;
  for (const int64_t index : nms(boxes, threshold)) kept.push_back(std::move(masks[index]));
  return kept;
}

class Generator {
 public:
  Generator(PointModel& model, const io::Image& image, const AutomaticMaskOptions& options,
            const std::function<void(int64_t, int64_t)>& progress)
      : model_(model), image_(image), options_(options), progress_(progress) {
    grids_ = options.point_grids.empty()
                 ? point_grids(options.points_per_side, options.crop_n_layers, options.crop_n_points_downscale_factor)
                 : options.point_grids;
  }

  std::vector<Candidate> run() {
    const auto crops = crop_boxes(image_.height, image_.width, options_.crop_n_layers, options_.crop_overlap_ratio);
    for (const auto& crop : crops) total_ += grids_[crop.layer].size(0);
    std::vector<Candidate> masks;
    for (const auto& crop : crops) {
      for (auto& mask : look_at(crop)) masks.push_back(std::move(mask));
    }
    if (crops.size() > 1) {
      std::vector<float> scores;
      for (const auto& mask : masks) scores.push_back(1 / static_cast<float>(mask.crop.width() * mask.crop.height()));
      masks = suppressed(std::move(masks), scores, options_.crop_nms_thresh);
    }
    if (options_.min_mask_region_area > 0) masks = without_small_regions(std::move(masks));
    return masks;
  }

 private:
  std::vector<Candidate> look_at(const CropBox& crop) {
    const bool whole = crop.layer == 0;
    model_.set_image(whole ? image_ : io::crop(image_, crop.left, crop.top, crop.width(), crop.height()));
    const at::Tensor size =
        at::tensor({static_cast<double>(crop.width()), static_cast<double>(crop.height())}, at::kDouble);
    const at::Tensor points = grids_[crop.layer] * size;
    std::vector<Candidate> masks;
    for (int64_t begin = 0; begin < points.size(0); begin += options_.points_per_batch) {
      const at::Tensor batch = points.slice(0, begin, std::min(begin + options_.points_per_batch, points.size(0)));
      for (auto& mask : ask(batch, crop)) masks.push_back(std::move(mask));
      done_ += batch.size(0);
      if (progress_) progress_(done_, total_);
    }
    std::vector<float> scores;
    for (const auto& mask : masks) scores.push_back(mask.iou);
    return suppressed(std::move(masks), scores, options_.box_nms_thresh);
  }

  std::vector<Candidate> ask(const at::Tensor& points, const CropBox& crop) {
    const PointModel::Answer answer = model_.predict(points);
    const at::Tensor logits = answer.logits.to(at::kFloat).contiguous(), iou = answer.iou.to(at::kFloat).contiguous();
    const int64_t n = logits.size(1), pixels = logits.size(2) * logits.size(3), count = logits.size(0) * n;
    const MaskScaler scaler = answer.frame ? MaskScaler(*answer.frame, logits.size(2), logits.size(3))
                                           : MaskScaler(logits.size(2), logits.size(3));
    if (scaler.height() != crop.height() || scaler.width() != crop.width()) {
      throw Error({.what = "masks of " + std::to_string(scaler.width()) + " x " + std::to_string(scaler.height()) +
                           " pixels were given for a crop of " + std::to_string(crop.width()) + " x " +
                           std::to_string(crop.height())});
    }
    const float* iou_data = iou.const_data_ptr<float>();
    const double* point_data = points.const_data_ptr<double>();
    const auto iou_threshold = static_cast<float>(options_.pred_iou_thresh);
    std::vector<int64_t> wanted;
    for (int64_t i = 0; i < count; ++i) {
      if (options_.pred_iou_thresh <= 0 || iou_data[i] > iou_threshold) wanted.push_back(i);
    }
    std::vector<Candidate> all(wanted.size());
    std::vector<uint8_t> passed(wanted.size());
    const auto measure = [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t i = wanted[k];
        MaskSummary summary =
            scaler.summarize(logits.const_data_ptr<float>() + i * pixels, static_cast<float>(options_.mask_threshold),
                             static_cast<float>(options_.stability_score_offset));
        Candidate& mask = all[k];
        mask.stability = summary.stability();
        if (options_.stability_score_thresh > 0 &&
            !(mask.stability >= static_cast<float>(options_.stability_score_thresh)))
          continue;
        const io::PixelBox box = io::rle_bounds(summary.rle);
        mask.box = {box.left + crop.left, box.top + crop.top, box.right + crop.left, box.bottom + crop.top};
        if (near_crop_edge(mask.box, crop, image_.height, image_.width)) continue;
        mask.rle = crop.layer == 0 ? std::move(summary.rle)
                                   : io::rle_pad(summary.rle, crop.left, crop.top, image_.height, image_.width);
        mask.iou = iou_data[i];
        mask.point = {point_data[i / n * 2] + static_cast<double>(crop.left),
                      point_data[i / n * 2 + 1] + static_cast<double>(crop.top)};
        mask.crop = crop;
        passed[k] = 1;
      }
    };
    parallel_for(0, static_cast<int64_t>(wanted.size()), 1, measure);
    std::vector<Candidate> masks;
    for (size_t k = 0; k < all.size(); ++k) {
      if (passed[k]) masks.push_back(std::move(all[k]));
    }
    return masks;
  }

  // Mended masks come behind those that needed nothing, and give way to them.
  std::vector<Candidate> without_small_regions(std::vector<Candidate> masks) const {
    std::vector<float> scores(masks.size());
    const auto mend = [&](int64_t begin, int64_t end) {
      std::vector<uint8_t> bits(static_cast<size_t>(image_.height * image_.width));
      for (int64_t i = begin; i < end; ++i) {
        io::decode_rle(masks[i].rle, bits.data());
        const auto remove = [&](SmallRegions mode) {
          return remove_small_regions(bits, image_.height, image_.width, options_.min_mask_region_area, mode);
        };
        const bool filled = remove(SmallRegions::holes), removed = remove(SmallRegions::islands);
        scores[i] = filled || removed ? 0 : 1;
        if (scores[i] == 1) continue;
        io::RleBuilder builder(image_.height, image_.width);
        for (int64_t y = 0; y < image_.height; ++y) builder.add_row(bits.data() + y * image_.width);
        masks[i].rle = builder.finish();
        masks[i].box = io::rle_bounds(masks[i].rle);
      }
    };
    parallel_for(0, static_cast<int64_t>(masks.size()), 1, mend);
    return suppressed(std::move(masks), scores, std::max(options_.box_nms_thresh, options_.crop_nms_thresh));
  }

  PointModel& model_;
  const io::Image& image_;
  const AutomaticMaskOptions& options_;
  const std::function<void(int64_t, int64_t)>& progress_;
  std::vector<at::Tensor> grids_;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace

void AutomaticMaskOptions::validate() const {
  const auto refuse = [](const std::string& field, const std::string& what) {
    throw UsageError({.what = what, .field = field});
  };
  const auto at_least_one = [&](const std::string& field, int64_t value) {
    if (value < 1) refuse(field, "must be at least 1, not " + std::to_string(value));
  };
  const auto not_negative = [&](const std::string& field, double value) {
    if (!(value >= 0)) refuse(field, "must not be negative");
  };
  at_least_one("points_per_batch", points_per_batch);
  at_least_one("crop_n_points_downscale_factor", crop_n_points_downscale_factor);
  not_negative("pred_iou_thresh", pred_iou_thresh);
  not_negative("stability_score_thresh", stability_score_thresh);
  not_negative("stability_score_offset", stability_score_offset);
  not_negative("box_nms_thresh", box_nms_thresh);
  not_negative("crop_nms_thresh", crop_nms_thresh);
  not_negative("min_mask_region_area", static_cast<double>(min_mask_region_area));
  if (crop_n_layers < 0 || crop_n_layers > 6)
    refuse("crop_n_layers", "must be from 0 to 6 (4^6 crops), not " + std::to_string(crop_n_layers));
  if (!(crop_overlap_ratio >= 0 && crop_overlap_ratio < 1)) refuse("crop_overlap_ratio", "must be from 0 to below 1");
  if (point_grids.empty()) {
    at_least_one("points_per_side", points_per_side);
    return;
  }
  if (static_cast<int64_t>(point_grids.size()) <= crop_n_layers) {
    refuse("point_grids", "must hold a grid for each of the " + std::to_string(crop_n_layers + 1) + " layers");
  }
  for (const auto& grid : point_grids) {
    if (grid.dim() != 2 || grid.size(1) != 2 || grid.scalar_type() != at::kDouble)
      refuse("point_grids", "must be float64 of shape [N, 2]");
  }
}

std::array<int64_t, 4> xywh(int64_t left, int64_t top, int64_t right, int64_t bottom) {
  return {left, top, right - left, bottom - top};
}

bool near_crop_edge(const io::PixelBox& box, const CropBox& crop, int64_t height, int64_t width) {
  constexpr int64_t kNear = 20;  // pixels, included
  const auto near = [](int64_t a, int64_t b) { return std::abs(a - b) <= kNear; };
  const int64_t sides[] = {box.left, box.top, box.right, box.bottom};
  const int64_t crop_sides[] = {crop.left, crop.top, crop.right, crop.bottom};
  const int64_t picture_sides[] = {0, 0, width, height};
  for (int i = 0; i < 4; ++i) {
    if (near(sides[i], crop_sides[i]) && !near(sides[i], picture_sides[i])) return true;
  }
  return false;
}

std::vector<MaskRecord> automatic_masks(PointModel& model, const io::Image& image, const AutomaticMaskOptions& options,
                                        const std::function<void(int64_t, int64_t)>& progress) {
  options.validate();
  if (image.empty()) throw Error({.what = "a picture without pixels has no masks"});
  std::vector<MaskRecord> records;
  for (auto& mask : Generator(model, image, options, progress).run()) {
    const auto& box = mask.box;
    records.push_back({.segmentation = std::move(mask.rle),
                       .area = 0,
                       .bbox = xywh(box.left, box.top, box.right, box.bottom),
                       .predicted_iou = mask.iou,
                       .point = mask.point,
                       .stability_score = mask.stability,
                       .crop_box = xywh(mask.crop.left, mask.crop.top, mask.crop.right, mask.crop.bottom)});
    records.back().area = io::rle_area(records.back().segmentation);
  }
  return records;
}

}  // namespace cambium::sam
