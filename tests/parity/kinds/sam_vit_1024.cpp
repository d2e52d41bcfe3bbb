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

namespace cambium::parity {
namespace {

using at::indexing::None;
using at::indexing::Slice;

at::Tensor strided(const at::Tensor& t, int64_t channels, int64_t rows, int64_t columns) {
  return t.index({Slice(None, None, channels), Slice(None, None, rows), Slice(None, None, columns)}).contiguous();
}

}  // namespace

Results check_sam_vit_1024(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  sam::Sam model(sam_options(config));
  fill_sam(model);
  Results results;
  auto& out = results.tensors;
  const int64_t side = config.at("img");
  const std::string name = config.at("model");
  const at::Tensor embedding = model.encode(rnd(name + ".input", {1, 3, side, side}, 2)).embedding;
  out["encoder.out.slice"] = strided(embedding[0], 8, 4, 4);
  out["encoder.out.summary"] = summary(embedding);
  out["encoder.out.channel_sums"] = embedding[0].to(at::kDouble).sum({1, 2});
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
