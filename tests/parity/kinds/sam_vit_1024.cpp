// sam_vit_1024: a full-size encoder at 1024 pixels, and a prompted prediction on a picture where the file has one.
// state_dict_keys: names and shapes of a full-size SAM, in state-dict order.
#include <ATen/ATen.h>

#include "io/image_tensor.h"
#include "io/resize.h"
#include "models/sam/sam.h"
#include "nn/load.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_model.h"
#include "parity/kinds/sam_prediction.h"

namespace cambium::parity {
namespace {

using at::indexing::None;
using at::indexing::Slice;

at::Tensor strided(const at::Tensor& t, int64_t channels, int64_t rows, int64_t columns) {
  return t.index({Slice(None, None, channels), Slice(None, None, rows), Slice(None, None, columns)}).contiguous();
}

// The predictor on image(h, w, seed), with the config's points, labels and box in the picture's pixels.
void add_predictor(const Json& config, const std::shared_ptr<sam::Sam>& model, Results& results) {
  const auto add = [&](const std::string& name, const sam::Prediction& prediction) {
    add_prediction("predictor." + name, prediction, {.low_res = 8, .logits = 16, .near_zero = 1e-3}, results);
  };
  const Json& size = config.at("image");
  sam::Predictor predictor(model);
  predictor.set_image(image(size.at("h"), size.at("w"), size.at("seed")));
  results.tensors["predictor.features.slice"] = strided(predictor.embedding()[0], 8, 4, 4);
  results.tensors["predictor.features.summary"] = summary(predictor.embedding());
  std::vector<double> flat;
  for (const auto& point : config.at("points")) flat.insert(flat.end(), {point.at(0), point.at(1)});
  const at::Tensor points = at::tensor(flat, at::kDouble).view({-1, 2});
  const at::Tensor labels = at::tensor(config.at("labels").get<std::vector<int64_t>>(), at::kLong);
  const at::Tensor box = at::tensor(config.at("box").get<std::vector<double>>(), at::kDouble);
  const sam::DecodeOptions single = {.multimask = false};
  const sam::Prediction multi = predictor.predict({.points = points, .labels = labels});
  add("points_multi", multi);
  add("box_single", predictor.predict({.boxes = box}, single));
  add("points_box_single", predictor.predict({.points = points, .labels = labels, .boxes = box}, single));
  add("refine", predictor.predict({.points = points, .labels = labels, .masks = multi.low_res.slice(1, 1, 2)}, single));
}

}  // namespace

Results check_sam_vit_1024(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  const auto model = std::make_shared<sam::Sam>(sam_options(config));
  fill_sam(*model);
  Results results;
  auto& out = results.tensors;
  const int64_t side = config.at("img");
  const std::string name = config.at("model");
  const at::Tensor embedding = model->encode(rnd(name + ".input", {1, 3, side, side}, 2)).embedding;
  out["encoder.out.slice"] = strided(embedding[0], 8, 4, 4);
  out["encoder.out.summary"] = summary(embedding);
  out["encoder.out.channel_sums"] = embedding[0].to(at::kDouble).sum({1, 2});
  if (config.contains("image")) add_predictor(config, model, results);
  return results;
}

Results check_state_dict_keys(const Golden& golden) {
  const std::string name = golden.config.at("model");
  const sam::Sam model(sam::SamOptions::named(name));
  Results results;
  for (const auto& [key, tensor] : nn::state_tensors(model)) {
    results.json["keys"].push_back(Json::array({key, tensor.sizes().vec()}));
  }
  return results;
}

}  // namespace cambium::parity
