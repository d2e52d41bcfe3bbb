// sam_predictor: a small SAM from picture to masks: points, boxes, a mask given back, BGR, several boxes, and automatic
// masks.
#include <ATen/ATen.h>

#include "io/image_tensor.h"
#include "models/sam/predictor.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_amg.h"
#include "parity/kinds/sam_model.h"
#include "parity/kinds/sam_prediction.h"

namespace cambium::parity {
namespace {

using at::indexing::Ellipsis;
using at::indexing::None;
using at::indexing::Slice;

at::Tensor areas(const at::Tensor& logits) { return (logits > 0).sum({-2, -1}); }

}  // namespace

void add_prediction(const std::string& name, const sam::Prediction& prediction, const PredictionSlices& slices,
                    Results& results) {
  auto& out = results.tensors;
  const auto sliced = [](const at::Tensor& t, int64_t step) {
    return t.index({Slice(), Slice(None, None, step), Slice(None, None, step)}).contiguous();
  };
  const at::Tensor logits = prediction.logits()[0], low_res = prediction.low_res[0];  // [n, H, W], [n, 4h, 4w]
  out[name + ".iou"] = prediction.iou[0];
  out[name + ".low_res"] = sliced(low_res, slices.low_res);
  out[name + ".low_res.summary"] = summary(low_res);
  out[name + ".logits"] = sliced(logits, slices.logits);
  out[name + ".logits.summary"] = summary(logits);
  out[name + ".area"] = areas(logits);
  out[name + ".near_zero"] = (logits.abs() < slices.near_zero).sum({-2, -1});
}

Results check_sam_predictor(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  const auto model = std::make_shared<sam::Sam>(sam_options(config));
  fill_sam(*model);
  const int64_t h = config.at("image").at("h"), w = config.at("image").at("w");
  const io::Image picture = image(h, w, config.at("image").at("seed"));
  Results results;
  auto& out = results.tensors;

  sam::Predictor predictor(model);
  predictor.set_image(io::from_tensor(io::to_tensor(picture).flip(0)), sam::ChannelOrder::bgr);
  out["bgr.features"] = predictor.embedding().slice(1, 0, {}, 16).contiguous();
  predictor.set_image(picture);
  out["features"] = predictor.embedding().slice(1, 0, {}, 4).contiguous();

  const auto width = static_cast<double>(w), height = static_cast<double>(h);
  const at::Tensor points =
      at::tensor({0.3 * width, 0.4 * height, 0.8 * width, 0.7 * height}, at::kDouble).view({2, 2});
  const at::Tensor labels = at::tensor({1, 0}, at::kLong);
  const at::Tensor box = at::tensor({0.1 * width, 0.2 * height, 0.6 * width, 0.9 * height}, at::kDouble);
  const sam::Prompts first = {.points = points.slice(0, 0, 1), .labels = labels.slice(0, 0, 1)};
  const auto add = [&](const std::string& name, const sam::Prediction& prediction) {
    add_prediction(name, prediction, {.low_res = 1, .logits = 3, .near_zero = 1e-4}, results);
  };
  const sam::Prediction pt = predictor.predict(first);
  add("pt", pt);
  add("pt_box", predictor.predict({.points = points, .labels = labels, .boxes = box}));
  add("pts_single", predictor.predict({.points = points, .labels = labels}, {.multimask = false}));
  add("box", predictor.predict({.boxes = box}, {.multimask = false}));
  add("refine", predictor.predict({.points = points, .labels = labels, .masks = pt.low_res.slice(1, 0, 1)},
                                  {.multimask = false}));

  const auto corners = config.at("boxes3").get<std::vector<std::vector<double>>>();
  std::vector<at::Tensor> rows;
  rows.reserve(corners.size());
  for (const auto& row : corners) rows.push_back(at::tensor(row, at::kDouble));
  const auto every_second = [](const at::Tensor& t) {
    return t.index({Ellipsis, Slice(None, None, 2), Slice(None, None, 2)}).contiguous();
  };
  for (const bool multimask : {true, false}) {
    const sam::Prediction boxes = predictor.predict({.boxes = at::stack(rows)}, {.multimask = multimask});
    const std::string name = multimask ? "boxes3" : "sam_forward";
    out[name + ".iou"] = boxes.iou;
    out[name + ".low_res"] = every_second(boxes.low_res);
    if (!multimask) out[name + ".area"] = areas(boxes.logits());
  }

  sam::SamPointModel everything(model);
  for (const auto& [set, entry] : config.at("amg").items()) {
    const auto records = sam::automatic_masks(everything, picture, automatic_mask_options(entry.at("kwargs")));
    results.json["amg"][set] = records_of(records, /*counts=*/false);
  }
  return results;
}

}  // namespace cambium::parity
