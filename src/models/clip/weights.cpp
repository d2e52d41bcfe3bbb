#include "models/clip/weights.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/shaped.h"
#include "io/weights_file.h"
#include "models/clip/foreign_config.h"
#include "models/clip/options_json.h"
#include "nn/load.h"

namespace cambium::clip {
namespace {

constexpr std::array<float, 3> kOpenAiMean = {0.48145466f, 0.4578275f, 0.40821073f};
constexpr std::array<float, 3> kOpenAiStd = {0.26862954f, 0.26130258f, 0.27577711f};

int64_t default_heads(int64_t width) {
  if (width == 384) return 12;  // MERU's ViT-S follows MoCo v3
  if (width == 1280 || width == 1408 || width == 1664)
    return 16;  // open_clip's ViT-H, g and bigG: heads of 80, 88, 104
  return std::max<int64_t>(1, width / 64);
}

std::array<float, 3> channel_values(const io::StateDict& state, const std::string& name) {
  const at::Tensor t = state.at(name);
  if (t.numel() != 3) io::refuse(state, name, "expected 3 values, got " + std::to_string(t.numel()));
  const at::Tensor values = t.to(at::kFloat).reshape({3}).contiguous();
  const auto* v = values.const_data_ptr<float>();
  return {v[0], v[1], v[2]};
}

// Adds what other layouts lack, so that loading stays strict.
void complete(io::StateDict& state, const CLIPOptions& options) {
  const auto channels = [](const std::array<float, 3>& v) {
    return at::tensor(c10::ArrayRef<float>(v.data(), v.size())).view({3, 1, 1});
  };
  if (!state.contains("pixel_mean")) state.insert("pixel_mean", channels(options.pixel_mean));
  if (!state.contains("pixel_std")) state.insert("pixel_std", channels(options.pixel_std));
  const int64_t context = options.textual.context;
  if (!state.contains("textual.attn_mask"))
    state.insert("textual.attn_mask", at::ones({context, context}, at::kBool).triu_(1));
  if (const at::Tensor* scale = state.find("logit_scale"); scale && scale->numel() == 1)
    state.insert("logit_scale", scale->reshape({}));
}

}  // namespace

VisionTransformerOptions infer_visual(const io::StateDict& state) {
  VisionTransformerOptions o;
  const at::Tensor& positions = io::shaped(state, "visual.pos_embed", 3);
  const at::Tensor& proj = io::shaped(state, "visual.patch_embed.proj.weight", 4);
  o.width = positions.size(2);
  if (proj.size(0) != o.width) {
    io::refuse(
        state, "visual.patch_embed.proj.weight",
        "has " + std::to_string(proj.size(0)) + " outputs, but visual.pos_embed has width " + std::to_string(o.width));
  }
  o.pool = state.contains("visual.cls_token") ? Pool::token : Pool::average;
  for (int64_t i = 0; state.contains("visual.patch_embed.stem." + std::to_string(i) + ".weight"); ++i) {
    o.conv_stem.push_back(io::shaped(state, "visual.patch_embed.stem." + std::to_string(i) + ".weight", 4).size(0));
  }
  o.patch = o.conv_stem.empty() ? proj.size(2) : int64_t{1} << std::min<size_t>(o.conv_stem.size() + 1, 16);
  const int64_t patches = positions.size(1) - (o.pool == Pool::token ? 1 : 0);
  const auto grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(std::max<int64_t>(patches, 0)))));
  if (grid < 1 || grid * grid != patches) {
    io::refuse(state, "visual.pos_embed", "its " + std::to_string(patches) + " patches are not a square grid");
  }
  o.image_size = grid * o.patch;
  o.depth = io::count(state, "visual.blocks.", ".norm1.weight");
  o.mlp_width = io::shaped(state, "visual.blocks.0.mlp.fc1.weight", 2).size(0);
  if (o.mlp_width == 4 * o.width) o.mlp_width = 0;
  o.pre_norm = state.contains("visual.norm_pre.weight");
  o.patch_bias = state.contains("visual.patch_embed.proj.bias");
  o.heads = default_heads(o.width);
  // Half-precision copies round the fixed embedding, whose values reach 1, to 2^-9.
  o.pos_embed = o.width % 4 == 0 && at::allclose(positions.to(at::kFloat),
                                                 sincos_pos_embed(grid, o.width, o.pool == Pool::token), 0, 4e-3)
                    ? PosEmbed::fixed_sincos
                    : PosEmbed::learned;
  return o;
}

TextTransformerOptions infer_textual(const io::StateDict& state) {
  TextTransformerOptions o;
  const at::Tensor& tokens = io::shaped(state, "textual.token_embed.weight", 2);
  o.vocabulary = tokens.size(0);
  o.width = tokens.size(1);
  o.context = io::shaped(state, "textual.posit_embed", 2).size(0);
  o.layers = io::count(state, "textual.resblocks.", ".ln_1.weight");
  o.mlp_width = io::shaped(state, "textual.resblocks.0.mlp.c_fc.weight", 2).size(0);
  if (o.mlp_width == 4 * o.width) o.mlp_width = 0;
  o.heads = std::max<int64_t>(1, o.width / 64);
  return o;
}

io::StateDict tower_state(const io::StateDict& state, std::string_view part) {
  io::StateDict tower{.source = state.source};
  for (const auto& [name, tensor] : state.tensors) {
    if (name.starts_with(part)) tower.tensors.emplace_back(name.substr(part.size()), tensor);
  }
  return tower;
}

Weights interpret_weights(io::StateDict raw, const std::filesystem::path& folder, const WeightsOptions& wanted) {
  Weights weights{.layout = detect_layout(raw)};
  const bool openai_archive = weights.layout == Layout::openai && raw.contains("input_resolution");
  weights.state = to_canonical(raw, weights.layout);
  io::StateDict& state = weights.state;
  for (const char* needed : {"visual.patch_embed.proj.weight", "textual.token_embed.weight", "visual_proj.weight"}) {
    if (!state.contains(needed)) {
      throw Error({.what = "a CLIP has an image tower, a text tower and their projections, but the file has no " +
                           std::string(needed),
                   .file = state.source});
    }
  }
  CLIPOptions& o = weights.options;
  o.visual = infer_visual(state);
  o.textual = infer_textual(state);
  o.embed_dim = io::shaped(state, "visual_proj.weight", 2).size(0);
  if (weights.layout != Layout::meru) {
    o.pixel_mean = kOpenAiMean;
    o.pixel_std = kOpenAiStd;
    if (openai_archive || (weights.layout == Layout::hugging_face && o.visual.width < 1280)) {
      o.visual.activation = o.textual.activation = nn::Activation::quick_gelu;
    }
    if (!folder.empty()) apply_foreign_config(folder, weights.layout, o);
  }
  if (const auto own = state.metadata.find(kOptionsKey); own != state.metadata.end()) {
    const auto json = nlohmann::json::parse(own->second, nullptr, /*allow_exceptions=*/false);
    o = options_from_json(json, state.source, o);
  }
  if (state.contains("pixel_mean")) o.pixel_mean = channel_values(state, "pixel_mean");
  if (state.contains("pixel_std")) o.pixel_std = channel_values(state, "pixel_std");
  if (wanted.activation) o.visual.activation = o.textual.activation = *wanted.activation;
  if (wanted.visual_heads) o.visual.heads = *wanted.visual_heads;
  if (wanted.textual_heads) o.textual.heads = *wanted.textual_heads;
  io::validate_inferred(state, [&] { o.validate(); });
  complete(state, o);
  return weights;
}

Weights read_weights(const std::filesystem::path& path, const WeightsOptions& options) {
  const std::filesystem::path file = io::find_weights(path).front();
  return interpret_weights(io::load_weights(path), file.parent_path(), options);
}

io::StateDict relabel(io::StateDict state, Layout target, const std::filesystem::path& folder) {
  Weights weights = interpret_weights(std::move(state), folder);
  const std::string options = to_json(weights.options).dump();
  io::StateDict out = target == Layout::meru ? std::move(weights.state) : from_canonical(weights.state, target);
  out.metadata[kOptionsKey] = options;
  return out;
}

std::shared_ptr<CLIP> open(const std::filesystem::path& path, const WeightsOptions& options) {
  const Weights weights = read_weights(path, options);
  auto model = std::make_shared<CLIP>(weights.options);
  nn::load_state(*model, weights.state);
  return model;
}

}  // namespace cambium::clip
