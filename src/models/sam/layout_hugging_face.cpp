// transformers' SamModel: the official tensors under other names.
#include "io/key_pattern.h"
#include "models/sam/layouts.h"

namespace cambium::sam {
namespace {

struct KeyRule {
  std::string_view official, theirs;
};

// Without .weight and .bias. A name that is whole comes before a pattern that would match it.
constexpr KeyRule kTable[] = {
    {"image_encoder.pos_embed", "vision_encoder.pos_embed"},
    {"image_encoder.patch_embed.proj", "vision_encoder.patch_embed.projection"},
    {"image_encoder.blocks.{i}.norm1", "vision_encoder.layers.{i}.layer_norm1"},
    {"image_encoder.blocks.{i}.attn.rel_pos_h", "vision_encoder.layers.{i}.attn.rel_pos_h"},
    {"image_encoder.blocks.{i}.attn.rel_pos_w", "vision_encoder.layers.{i}.attn.rel_pos_w"},
    {"image_encoder.blocks.{i}.attn.qkv", "vision_encoder.layers.{i}.attn.qkv"},
    {"image_encoder.blocks.{i}.attn.proj", "vision_encoder.layers.{i}.attn.proj"},
    {"image_encoder.blocks.{i}.norm2", "vision_encoder.layers.{i}.layer_norm2"},
    {"image_encoder.blocks.{i}.mlp.lin1", "vision_encoder.layers.{i}.mlp.lin1"},
    {"image_encoder.blocks.{i}.mlp.lin2", "vision_encoder.layers.{i}.mlp.lin2"},
    {"image_encoder.neck.0", "vision_encoder.neck.conv1"},
    {"image_encoder.neck.1", "vision_encoder.neck.layer_norm1"},
    {"image_encoder.neck.2", "vision_encoder.neck.conv2"},
    {"image_encoder.neck.3", "vision_encoder.neck.layer_norm2"},
    {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", "shared_image_embedding.positional_embedding"},
    {"prompt_encoder.point_embeddings.{i}", "prompt_encoder.point_embed.{i}"},
    {"prompt_encoder.mask_downscaling.0", "prompt_encoder.mask_embed.conv1"},
    {"prompt_encoder.mask_downscaling.1", "prompt_encoder.mask_embed.layer_norm1"},
    {"prompt_encoder.mask_downscaling.3", "prompt_encoder.mask_embed.conv2"},
    {"prompt_encoder.mask_downscaling.4", "prompt_encoder.mask_embed.layer_norm2"},
    {"prompt_encoder.mask_downscaling.6", "prompt_encoder.mask_embed.conv3"},
    {"mask_decoder.transformer.norm_final_attn", "mask_decoder.transformer.layer_norm_final_attn"},
    {"mask_decoder.transformer.layers.{i}.norm1", "mask_decoder.transformer.layers.{i}.layer_norm1"},
    {"mask_decoder.transformer.layers.{i}.norm2", "mask_decoder.transformer.layers.{i}.layer_norm2"},
    {"mask_decoder.transformer.layers.{i}.norm3", "mask_decoder.transformer.layers.{i}.layer_norm3"},
    {"mask_decoder.transformer.layers.{i}.norm4", "mask_decoder.transformer.layers.{i}.layer_norm4"},
    {"mask_decoder.output_upscaling.0", "mask_decoder.upscale_conv1"},
    {"mask_decoder.output_upscaling.1", "mask_decoder.upscale_layer_norm"},
    {"mask_decoder.output_upscaling.3", "mask_decoder.upscale_conv2"},
    {"mask_decoder.output_hypernetworks_mlps.{i}.layers.0", "mask_decoder.output_hypernetworks_mlps.{i}.proj_in"},
    {"mask_decoder.output_hypernetworks_mlps.{i}.layers.1", "mask_decoder.output_hypernetworks_mlps.{i}.layers.0"},
    {"mask_decoder.output_hypernetworks_mlps.{i}.layers.2", "mask_decoder.output_hypernetworks_mlps.{i}.proj_out"},
    {"mask_decoder.iou_prediction_head.layers.0", "mask_decoder.iou_prediction_head.proj_in"},
    {"mask_decoder.iou_prediction_head.layers.1", "mask_decoder.iou_prediction_head.layers.0"},
    {"mask_decoder.iou_prediction_head.layers.2", "mask_decoder.iou_prediction_head.proj_out"},
};

const KeyRule* find_rule(std::string_view theirs) {
  for (const KeyRule& rule : kTable) {
    if (rule.theirs == theirs) return &rule;
  }
  return nullptr;
}

// "a.b.weight" -> "a.b" and ".weight"
std::pair<std::string, std::string> split_leaf(const std::string& name) {
  for (const std::string_view leaf : {".weight", ".bias"}) {
    if (name.ends_with(leaf)) return {name.substr(0, name.size() - leaf.size()), std::string(leaf)};
  }
  return {name, ""};
}

}  // namespace

bool is_hugging_face(const io::StateDict& state) {
  return state.contains("vision_encoder.patch_embed.projection.weight") ||
         state.contains("mask_decoder.upscale_conv1.weight");
}

io::StateDict from_hugging_face(const io::StateDict& state) {
  io::StateDict out{.source = state.source, .extras = state.extras, .metadata = state.metadata};
  for (const auto& [name, tensor] : state.tensors) {
    // The same tensor once more, tied to shared_image_embedding.
    if (name == "prompt_encoder.shared_embedding.positional_embedding") continue;
    const auto [stem, leaf] = split_leaf(name);
    const auto [pattern, index] = io::split_index(stem);
    const KeyRule* whole = find_rule(stem);
    const KeyRule* rule = whole ? whole : find_rule(pattern);
    // Names that the table lacks are the same in both layouts (the decoder's attention), or reported as unexpected.
    out.tensors.emplace_back(rule ? io::replace_first(rule->official, io::kIndex, index) + leaf : name, tensor);
  }
  return out;
}

}  // namespace cambium::sam
