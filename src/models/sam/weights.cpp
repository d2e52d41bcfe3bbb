#include "models/sam/weights.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/dtype.h"
#include "io/shaped.h"
#include "io/weights_file.h"
#include "models/sam/layouts.h"
#include "nn/load.h"

namespace cambium::sam {
namespace {

// The metadata entry of our own safetensors files: what shapes do not tell.
constexpr const char* kOptionsKey = "cambium.sam";
constexpr int64_t kTinyViTEarlyWidth = 160;

ImageEncoderOptions vit_options(const io::StateDict& state) {
  const std::string prefix = "image_encoder.";
  ImageEncoderOptions o;
  const at::Tensor& proj = io::shaped(state, prefix + "patch_embed.proj.weight", 4);
  o.width = proj.size(0);
  o.patch = proj.size(2);
  o.depth = io::count(state, prefix + "blocks.", ".norm1.weight");
  const auto block = [&](int64_t i, const char* tail) { return prefix + "blocks." + std::to_string(i) + tail; };
  o.mlp_width = io::shaped(state, block(0, ".mlp.lin1.weight"), 2).size(0);
  if (o.mlp_width == 4 * o.width) o.mlp_width = 0;
  o.out_channels = io::shaped(state, prefix + "neck.0.weight", 4).size(0);
  const int64_t head_dim = io::shaped(state, block(0, ".attn.rel_pos_h"), 2).size(1);
  o.heads = std::max<int64_t>(1, o.width / head_dim);

  // A table of 2S - 1 rows serves a grid, or a window, of side S.
  std::vector<int64_t> sides;
  for (int64_t i = 0; i < o.depth; ++i)
    sides.push_back((io::shaped(state, block(i, ".attn.rel_pos_h"), 2).size(0) + 1) / 2);
  int64_t grid = *std::max_element(sides.begin(), sides.end());
  o.absolute_positions = state.contains(prefix + "pos_embed");
  if (o.absolute_positions) {
    const at::Tensor& positions = io::shaped(state, prefix + "pos_embed", 4);
    grid = positions.size(1);
    if (positions.size(2) != grid || positions.size(3) != o.width) {
      io::refuse(state, prefix + "pos_embed",
                 "expected shape [1, G, G, " + std::to_string(o.width) + "], got " + io::shape_text(positions.sizes()));
    }
  }
  o.image_size = grid * o.patch;
  o.global_blocks.clear();
  o.window = 0;
  for (int64_t i = 0; i < o.depth; ++i) {
    if (sides[i] == grid) {
      o.global_blocks.push_back(i);
    } else if (o.window == 0 || o.window == sides[i]) {
      o.window = sides[i];
    } else {
      io::refuse(state, block(i, ".attn.rel_pos_h"),
                 "windows of " + std::to_string(o.window) + " and of " + std::to_string(sides[i]) + " in one encoder");
    }
  }
  return o;
}

MaskDecoderOptions decoder_options(const io::StateDict& state) {
  const std::string prefix = "mask_decoder.", layer = prefix + "transformer.layers.";
  MaskDecoderOptions o;
  const at::Tensor& tokens = io::shaped(state, prefix + "mask_tokens.weight", 2);
  o.masks = tokens.size(0);
  o.width = tokens.size(1);
  o.depth = io::count(state, layer, ".norm1.weight");
  o.mlp_width = io::shaped(state, layer + "0.mlp.lin1.weight", 2).size(0);
  o.downsample =
      std::max<int64_t>(1, o.width / io::shaped(state, layer + "0.cross_attn_token_to_image.q_proj.weight", 2).size(0));
  o.iou_hidden = io::shaped(state, prefix + "iou_prediction_head.layers.0.weight", 2).size(0);
  o.iou_depth = io::count(state, prefix + "iou_prediction_head.layers.", ".weight");
  if (state.contains(prefix + "hf_token.weight")) {
    o.hq_encoder_width = io::shaped(state, prefix + "compress_vit_feat.0.weight", 4).size(0);
  }
  return o;
}

// What no shape tells, from our own files' metadata.
void apply_metadata(const io::StateDict& state, SamOptions& options) {
  const auto found = state.metadata.find(kOptionsKey);
  if (found == state.metadata.end()) return;
  const auto json = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("decoder_heads") || !json["decoder_heads"].is_number_integer()) {
    io::refuse(state, kOptionsKey, "the metadata is not what this program writes");
  }
  options.decoder.heads = json["decoder_heads"].get<int64_t>();
}

[[noreturn]] void refuse(const io::StateDict& state) {
  const auto has = [&](std::string_view part) {
    return std::any_of(state.tensors.begin(), state.tensors.end(),
                       [&](const auto& item) { return item.first.find(part) != std::string::npos; });
  };
  std::string what =
      "its " + std::to_string(state.tensors.size()) + " tensors are in no layout of Segment Anything that is known";
  std::string mend =
      "cambium inspect lists the tensors; sam_vit_*.pth, sam_hq_*.pth, mobile_sam.pt and Hugging Face's SamModel are "
      "supported";
  if (has("prompt_generator")) {
    what = "it is a SAM-Adapter checkpoint, which has no prompt encoder, and not a Segment Anything foundation";
    mend = "give it as the adapter instead";
  } else if (has("memory_attention") || has("image_encoder.trunk")) {
    what = "it is a SAM 2 checkpoint, whose encoder is another one";
  } else if (has("module.image_encoder")) {
    what = "its names begin with \"module.\", as a wrapper for several processes leaves them";
  }
  throw Error({.what = what,
               .file = state.source,
               .field = state.tensors.empty() ? "" : state.tensors.front().first,
               .mend = mend});
}

}  // namespace

std::map<std::string, std::string> metadata_of(const SamOptions& options) {
  return {{kOptionsKey, nlohmann::json({{"decoder_heads", options.decoder.heads}}).dump()}};
}

SamOptions options_of(const io::StateDict& state) {
  SamOptions o;
  const bool tiny = state.contains("image_encoder.patch_embed.seq.0.c.weight");
  if (tiny) {
    o.encoder_kind = EncoderKind::tiny_vit;
    o.encoder.out_channels = io::shaped(state, "image_encoder.neck.0.weight", 4).size(0);
  } else {
    o.encoder = vit_options(state);
  }
  o.prompt = {.width = 2 * io::shaped(state, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", 2).size(1),
              .mask_channels = io::shaped(state, "prompt_encoder.mask_downscaling.3.weight", 4).size(0),
              .image_size = o.encoder.image_size,
              .patch = o.encoder.patch};
  o.decoder = decoder_options(state);
  apply_metadata(state, o);
  const int64_t early = tiny ? kTinyViTEarlyWidth : o.encoder.width;
  if (o.decoder.hq() && o.decoder.hq_encoder_width != early) {
    io::refuse(state, "mask_decoder.compress_vit_feat.0.weight",
               "takes encoder features of width " + std::to_string(o.decoder.hq_encoder_width) +
                   ", and the encoder's are " + std::to_string(early) + " wide");
  }
  io::validate_inferred(state, [&] { o.validate(); });
  return o;
}

Weights interpret_weights(io::StateDict raw) {
  Weights weights;
  if (is_hugging_face(raw)) {
    weights.layout = Layout::hugging_face;
    weights.state = from_hugging_face(raw);
  } else {
    weights.state = std::move(raw);
  }
  const bool vit = weights.state.contains("image_encoder.patch_embed.proj.weight");
  const bool tiny = weights.state.contains("image_encoder.patch_embed.seq.0.c.weight");
  if ((!vit && !tiny) || !weights.state.contains("prompt_encoder.no_mask_embed.weight") ||
      !weights.state.contains("mask_decoder.mask_tokens.weight")) {
    refuse(weights.state);
  }
  weights.options = options_of(weights.state);
  return weights;
}

Weights read_weights(const std::filesystem::path& path) { return interpret_weights(io::load_weights(path)); }

std::shared_ptr<Sam> build(const Weights& weights, const Compute& compute) {
  auto model = std::make_shared<Sam>(weights.options);
  nn::LoadOptions load{.device = compute.device};
  if (compute.param_dtype != c10::kFloat) load.weight_dtype = compute.param_dtype;
  // Some copies leave out MobileSAM's unused classifier and batch counters, or keep its index buffers.
  load.may_miss = {"image_encoder.norm_head.*", "image_encoder.head.*", "*.num_batches_tracked"};
  load.may_have = {"*.attention_bias_idxs"};
  nn::load_state(*model, weights.state, load);
  model->set_dtype(compute.compute_dtype);
  return model;
}

std::shared_ptr<Sam> open(const std::filesystem::path& path, const Compute& compute) {
  return build(read_weights(path), compute);
}

}  // namespace cambium::sam
