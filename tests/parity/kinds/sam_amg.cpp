// sam_amg_utils: run lengths, COCO strings, boxes, grids, crops, stability and small regions of the automatic masks.
// sam_amg_formula: the whole generator, on a model that is a formula.
#include <ATen/ATen.h>

#include <cmath>
#include <regex>

#include "core/error.h"
#include "io/rle.h"
#include "models/sam/automatic_masks.h"
#include "models/sam/mask_scaler.h"
#include "models/sam/small_regions.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_amg.h"

namespace cambium::parity {
namespace {

// By config.rle_masks. bool [H, W]
at::Tensor drawn_mask(const std::string& key, const std::string& name, int64_t height, int64_t width) {
  const at::Tensor u = uniform("mask." + key, height * width).view({height, width});
  if (name == "rand") return u > 0.5;
  if (name == "sparse") return u > 0.9;
  at::Tensor mask = at::zeros({height, width}, at::kBool);
  const double radius = static_cast<double>(std::min(height, width)) / 3;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double dy = static_cast<double>(y) - static_cast<double>(height) / 2,
                   dx = static_cast<double>(x) - static_cast<double>(width) / 3;
      bool set = false;
      if (name == "one") set = true;
      if (name == "first") set = x == 0 && y == 0;
      if (name == "last") set = x == width - 1 && y == height - 1;
      if (name == "cols") set = x % 3 == 0;
      if (name == "disc") set = dy * dy + dx * dx < radius * radius;
      mask[y][x] = set;
    }
  }
  return mask;
}

Json rle_of(const std::string& key) {
  static const std::regex pattern(R"((\w+)\.(\d+)x(\d+))");
  std::smatch match;
  if (!std::regex_match(key, match, pattern)) throw Error({.what = "not NAME.HxW", .field = key});
  const io::Rle rle = io::encode_rle(drawn_mask(key, match[1], std::stol(match[2]), std::stol(match[3])));
  const io::PixelBox box = io::rle_bounds(rle);
  return {{"rle", {{"size", {rle.height, rle.width}}, {"counts", rle.counts}}},
          {"coco_string", io::to_coco_string(rle)},
          {"area", io::rle_area(rle)},
          {"box", {box.left, box.top, box.right, box.bottom}}};
}

Json numbers(const at::Tensor& grid) {
  Json rows = Json::array();
  for (int64_t i = 0; i < grid.size(0); ++i) rows.push_back({grid[i][0].item<double>(), grid[i][1].item<double>()});
  return rows;
}

Json sizes(const std::vector<at::Tensor>& grids) {
  Json out = Json::array();
  for (const auto& grid : grids) out.push_back(grid.size(0));
  return out;
}

// "480x640,1,0.341333"
Json crops_of(const std::string& key) {
  static const std::regex pattern(R"((\d+)x(\d+),(\d+),([\d.]+))");
  std::smatch match;
  if (!std::regex_match(key, match, pattern)) throw Error({.what = "not HxW,layers,ratio", .field = key});
  const double ratio = match[4] == "0.341333" ? 512.0 / 1500.0 : std::stod(match[4]);
  Json boxes = Json::array(), layers = Json::array();
  for (const auto& box : sam::crop_boxes(std::stol(match[1]), std::stol(match[2]), std::stol(match[3]), ratio)) {
    boxes.push_back({box.left, box.top, box.right, box.bottom});
    layers.push_back(box.layer);
  }
  return {boxes, layers};
}

// Of rnd("stab.logits", (4, 20, 30), 3).
Json stability_of(const std::string& offset) {
  const at::Tensor logits = ((uniform("stab.logits", 4 * 20 * 30) - 0.5) * 6).view({4, 20, 30}).contiguous();
  const sam::MaskScaler scaler(20, 30);
  Json out = Json::array();
  for (int64_t i = 0; i < 4; ++i) {
    out.push_back(scaler.summarize(logits[i].const_data_ptr<float>(), 0, std::stof(offset)).stability());
  }
  return out;
}

// "<case>.<mode>.<area>" on a 24 x 31 mask.
Json small_regions_of(const std::string& key, const Json& input) {
  static const std::regex pattern(R"(\d+\.(holes|islands)\.(\d+))");
  std::smatch match;
  if (!std::regex_match(key, match, pattern)) throw Error({.what = "not CASE.MODE.AREA", .field = key});
  const io::Rle rle{.height = 24, .width = 31, .counts = input.get<std::vector<uint32_t>>()};
  std::vector<uint8_t> mask(24 * 31);
  io::decode_rle(rle, mask.data());
  const auto mode = match[1] == "holes" ? sam::SmallRegions::holes : sam::SmallRegions::islands;
  const bool changed = sam::remove_small_regions(mask, 24, 31, std::stol(match[2]), mode);
  io::RleBuilder builder(24, 31);
  for (int64_t y = 0; y < 24; ++y) builder.add_row(mask.data() + y * 31);
  return {{"output", builder.finish().counts}, {"changed", changed}};
}

// The callback model of config.model: three masks a point, in the crop's pixels.
class FormulaModel : public sam::PointModel {
 public:
  void set_image(const io::Image& image) override {
    height_ = image.height;
    width_ = image.width;
  }
  Answer predict(const at::Tensor& points) override {
    const int64_t count = points.size(0);
    Answer answer{.logits = at::empty({count, 3, height_, width_}), .iou = at::empty({count, 3})};
    auto* logits = answer.logits.mutable_data_ptr<float>();
    for (int64_t i = 0; i < count; ++i) {
      const double cx = std::floor(points[i][0].item<double>() / 20) * 20 + 10,
                   cy = std::floor(points[i][1].item<double>() / 20) * 20 + 10;
      for (int k = 0; k < 3; ++k, logits += height_ * width_) {
        draw(cx, cy, k, logits);
        const double iou = 0.70 + 0.08 * k + 0.01 * std::fmod(std::floor((3 * cx + cy) / 10), 9) +
                           0.0007 * std::floor(cx / 20) + 0.00011 * std::floor(cy / 20);
        answer.iou[i][k] = static_cast<float>(iou);
      }
    }
    return answer;
  }

 private:
  void draw(double cx, double cy, int k, float* out) const {
    const double radius = 5 + 6 * k + std::fmod(std::floor((cx + cy) / 10), 4);
    const bool ring = std::fmod(std::floor(cx / 20), 2) == 0;
    for (int64_t row = 0; row < height_; ++row) {
      for (int64_t column = 0; column < width_; ++column) {
        const auto x = static_cast<double>(column), y = static_cast<double>(row);
        const double distance = std::sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy));
        const double beside = std::sqrt((x - (cx + radius + 6)) * (x - (cx + radius + 6)) + (y - cy) * (y - cy));
        double value = std::max((radius + 0.25 - distance) * (0.4 + 0.3 * k), (1.75 - beside) * 4);
        if (ring) value = std::min(value, (distance - 1.25) * 4);
        *out++ = static_cast<float>(value);
      }
    }
  }
  int64_t height_ = 0, width_ = 0;
};

}  // namespace

sam::AutomaticMaskOptions automatic_mask_options(const Json& kwargs) {
  sam::AutomaticMaskOptions options;
  const auto set = [](auto& field, const Json& value) { field = value.get<std::decay_t<decltype(field)>>(); };
  for (const auto& [key, value] : kwargs.items()) {
    if (key == "points_per_side")
      set(options.points_per_side, value);
    else if (key == "points_per_batch")
      set(options.points_per_batch, value);
    else if (key == "pred_iou_thresh")
      set(options.pred_iou_thresh, value);
    else if (key == "stability_score_thresh")
      set(options.stability_score_thresh, value);
    else if (key == "stability_score_offset")
      set(options.stability_score_offset, value);
    else if (key == "box_nms_thresh")
      set(options.box_nms_thresh, value);
    else if (key == "crop_n_layers")
      set(options.crop_n_layers, value);
    else if (key == "crop_nms_thresh")
      set(options.crop_nms_thresh, value);
    else if (key == "crop_overlap_ratio")
      set(options.crop_overlap_ratio, value);
    else if (key == "crop_n_points_downscale_factor")
      set(options.crop_n_points_downscale_factor, value);
    else if (key == "min_mask_region_area")
      set(options.min_mask_region_area, value);
    else
      throw Error({.what = "this check does not know the argument", .field = key});
  }
  return options;
}

Json records_of(const std::vector<sam::MaskRecord>& records, bool counts) {
  Json list = Json::array();
  for (const auto& record : records) {
    list.push_back({{"bbox", record.bbox},
                    {"area", record.area},
                    {"predicted_iou", record.predicted_iou},
                    {"stability_score", record.stability_score},
                    {"point_coords", {{record.point[0], record.point[1]}}},
                    {"crop_box", record.crop_box},
                    {"counts", nullptr}});
    if (counts) list.back()["counts"] = record.segmentation.counts;
  }
  return {{"n", records.size()}, {"records", list}};
}

Results check_sam_amg_utils(const Golden& golden) {
  Results results;
  for (const auto& [key, value] : golden.config.at("rle").items()) results.json["rle"][key] = rle_of(key);
  Json& grids = results.json["grids"];
  grids["grid3"] = numbers(sam::point_grid(3));
  grids["layers_n"] = sizes(sam::point_grids(32, 2, 2));
  grids["layers_n_scale3"] = sizes(sam::point_grids(32, 2, 3));
  const Json& asked = golden.config.at("grids");
  for (const auto& [key, value] : asked.at("crops").items()) grids["crops"][key] = crops_of(key);
  grids["xywh"] = sam::xywh(3, 4, 10, 20);
  const sam::CropBox crop{100, 50, 200, 150, 1};
  for (const auto& box : {io::PixelBox{0, 0, 50, 50}, {10, 30, 60, 70}, {0, 30, 99, 60}, {25, 25, 74, 74}}) {
    grids["near_edge"].push_back(
        sam::near_crop_edge({box.left + 100, box.top + 50, box.right + 100, box.bottom + 50}, crop, 480, 640));
  }
  for (const auto& [offset, value] : asked.at("stability").items()) grids["stability"][offset] = stability_of(offset);
  for (const auto& [key, value] : golden.config.at("small_regions").items()) {
    results.json["small_regions"][key] = small_regions_of(key, value.at("input"));
  }
  return results;
}

Results check_sam_amg_formula(const Golden& golden) {
  const io::Image image(golden.config.at("w"), golden.config.at("h"), 3);
  Results results;
  for (const auto& [name, set] : golden.config.at("results").items()) {
    FormulaModel model;
    const auto records = sam::automatic_masks(model, image, automatic_mask_options(set.at("kwargs")));
    // "counts null = not stored (more than 60 records)"
    results.json["results"][name] = records_of(records, records.size() <= 60);
  }
  return results;
}

}  // namespace cambium::parity
