// sam_forward: a small SAM: the encoder block by block, the prompt encoder and the decoder for seven kinds of prompt,
// and the way back to the picture's size. sam_relpos: an encoder without pos_embed on other image sizes, and the
// interpolated relative positions alone.
#include <ATen/ATen.h>

#include <regex>

#include "core/error.h"
#include "models/sam/frame.h"
#include "models/sam/relative_position.h"
#include "models/sam/sam.h"
#include "parity/conventions.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/sam_model.h"

namespace cambium::parity {
namespace {

using at::indexing::Ellipsis;
using at::indexing::None;
using at::indexing::Slice;

at::Tensor tensor_of(const Json& nested) {
  const std::vector<double> flat = [&] {
    std::vector<double> values;
    const std::function<void(const Json&)> walk = [&](const Json& j) {
      if (j.is_number()) return values.push_back(j.get<double>());
      for (const Json& child : j) walk(child);
    };
    walk(nested);
    return values;
  }();
  std::vector<int64_t> shape;
  for (const Json* j = &nested; j->is_array(); j = &j->front()) shape.push_back(static_cast<int64_t>(j->size()));
  return at::tensor(flat, at::kDouble).to(at::kFloat).view(shape);
}

}  // namespace

Results check_sam_forward(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  const std::string tag = config.at("tag");
  sam::Sam model(sam_options(config));
  fill_sam(model);
  Results results;
  auto& out = results.tensors;
  const int64_t image_size = config.at("img"), grid = image_size / config.at("patch").get<int64_t>();

  sam::ImageEncoder& encoder = *model.vit();
  const at::Tensor image = rnd(tag + ".input", {2, 3, image_size, image_size}, 2);
  for (int64_t i = 0; i < encoder.options().depth; ++i) {
    const at::Tensor tokens = encoder.forward_prefix(image, i + 1);
    const std::string name = "encoder.block" + std::to_string(i);
    out[name + ".slice"] = tokens.index({0, Slice(), Slice(), Slice(None, None, 8)}).contiguous();
    out[name + ".summary"] = summary(tokens);
  }
  const at::Tensor embedding = encoder.forward(image);
  out["encoder.out"] = embedding.contiguous();
  out["dense_pe"] = model.prompt_encoder()->dense_pe().slice(1, 0, {}, 4).contiguous();

  const at::Tensor points = tensor_of(config.at("points")), labels = tensor_of(config.at("labels")).to(at::kLong),
                   boxes = tensor_of(config.at("boxes")), masks = rnd(tag + ".mask", {2, 1, 4 * grid, 4 * grid}, 8);
  const std::map<std::string, sam::Prompts> cases = {
      {"points", {.points = points, .labels = labels}},
      {"box", {.boxes = boxes}},
      {"points_box", {.points = points, .labels = labels, .boxes = boxes}},
      {"mask", {.masks = masks}},
      {"points_mask", {.points = points, .labels = labels, .masks = masks}},
      {"all", {.points = points, .labels = labels, .boxes = boxes, .masks = masks}},
      {"none", {}},
  };
  for (const auto& [name, prompts] : cases) {
    const sam::PromptEmbeddings embedded = model.prompt_encoder()->encode(prompts);
    out[name + ".sparse"] = embedded.sparse;
    out[name + ".dense"] = embedded.dense.expand({prompts.batch(), -1, -1, -1})
                               .index({Slice(), Slice(None, None, 8), Slice(None, None, 2), Slice(None, None, 2)})
                               .contiguous();
    for (const bool multimask : {true, false}) {
      const sam::MaskOutput output =
          model.decode({.embedding = embedding.narrow(0, 0, 1)}, embedded, {.multimask = multimask});
      const std::string prefix = name + (multimask ? ".multi" : ".single");
      out[prefix + ".low_res"] =
          multimask ? output.low_res.index({Ellipsis, Slice(None, None, 2), Slice(None, None, 2)}).contiguous()
                    : output.low_res;
      out[prefix + ".iou"] = output.iou;
      if (name != "points" || !multimask) continue;
      const Json& post = config.at("postprocess");
      const auto input = post.at("input_size").get<std::vector<int64_t>>();
      const auto original = post.at("original_size").get<std::vector<int64_t>>();
      const at::Tensor full = sam::postprocess(output.low_res, {.height = original.at(0),
                                                                .width = original.at(1),
                                                                .input_height = input.at(0),
                                                                .input_width = input.at(1),
                                                                .side = image_size});
      out["postprocess.slice"] = full.index({Ellipsis, Slice(None, None, 3), Slice(None, None, 3)}).contiguous();
      out["postprocess.summary"] = summary(full);
    }
  }
  return results;
}

Results check_sam_relpos(const Golden& golden) {
  const at::NoGradGuard no_grad;
  const Json& config = golden.config;
  const std::string tag = config.at("tag");
  torch::nn::Module whole;  // the names begin as in a whole SAM
  const auto encoder =
      whole.register_module("image_encoder", std::make_shared<sam::ImageEncoder>(sam_encoder_options(config)));
  fill_sam(whole);
  Results results;
  for (const Json& feed : config.at("feed")) {
    const int64_t height = feed.at(0), width = feed.at(1);
    const std::string size = std::to_string(height) + "x" + std::to_string(width);
    const at::Tensor image = rnd(tag + "." + size, {1, 3, height, width}, 2);
    results.tensors["out." + size] = encoder->forward(image).slice(1, 0, {}, 2).contiguous();
  }
  const at::Tensor table = rnd(tag + ".rel", {15, 8}, 1);
  static const std::regex name_of_case("get_rel_pos\\.(\\d+)\\.(\\d+)");
  for (const auto& [name, tensor] : golden.tensors.tensors) {
    std::smatch match;
    if (!std::regex_match(name, match, name_of_case)) continue;
    results.tensors[name] = sam::get_rel_pos(std::stoll(match[1]), std::stoll(match[2]), table);
  }
  return results;
}

}  // namespace cambium::parity
