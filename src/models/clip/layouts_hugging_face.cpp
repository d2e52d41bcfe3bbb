// transformers' CLIPModel, and its CLIPTextModel and CLIPVisionModelWithProjection alone.
#include "models/clip/layouts.h"

namespace cambium::clip {

std::span<const KeyRule> hugging_face_table() {
  static constexpr KeyRule table[] = {
      {"logit_scale", "logit_scale"},
      {"visual.cls_token", "vision_model.embeddings.class_embedding", Form::leading_one},
      {"visual.pos_embed", "vision_model.embeddings.position_embedding.weight", Form::leading_one},
      {"visual.patch_embed.proj.weight", "vision_model.embeddings.patch_embedding.weight"},
      {"visual.norm_pre.weight", "vision_model.pre_layrnorm.weight"},  // so spelt
      {"visual.norm_pre.bias", "vision_model.pre_layrnorm.bias"},
      {"visual.blocks.{i}.norm1.weight", "vision_model.encoder.layers.{i}.layer_norm1.weight"},
      {"visual.blocks.{i}.norm1.bias", "vision_model.encoder.layers.{i}.layer_norm1.bias"},
      {"visual.blocks.{i}.attn.qkv.weight", "vision_model.encoder.layers.{i}.self_attn.{qkv}_proj.weight",
       Form::split_qkv},
      {"visual.blocks.{i}.attn.qkv.bias", "vision_model.encoder.layers.{i}.self_attn.{qkv}_proj.bias", Form::split_qkv},
      {"visual.blocks.{i}.attn.proj.weight", "vision_model.encoder.layers.{i}.self_attn.out_proj.weight"},
      {"visual.blocks.{i}.attn.proj.bias", "vision_model.encoder.layers.{i}.self_attn.out_proj.bias"},
      {"visual.blocks.{i}.norm2.weight", "vision_model.encoder.layers.{i}.layer_norm2.weight"},
      {"visual.blocks.{i}.norm2.bias", "vision_model.encoder.layers.{i}.layer_norm2.bias"},
      {"visual.blocks.{i}.mlp.fc1.weight", "vision_model.encoder.layers.{i}.mlp.fc1.weight"},
      {"visual.blocks.{i}.mlp.fc1.bias", "vision_model.encoder.layers.{i}.mlp.fc1.bias"},
      {"visual.blocks.{i}.mlp.fc2.weight", "vision_model.encoder.layers.{i}.mlp.fc2.weight"},
      {"visual.blocks.{i}.mlp.fc2.bias", "vision_model.encoder.layers.{i}.mlp.fc2.bias"},
      {"visual.norm.weight", "vision_model.post_layernorm.weight"},
      {"visual.norm.bias", "vision_model.post_layernorm.bias"},
      {"textual.posit_embed", "text_model.embeddings.position_embedding.weight"},
      {"textual.token_embed.weight", "text_model.embeddings.token_embedding.weight"},
      {"textual.resblocks.{i}.attn.in_proj_weight", "text_model.encoder.layers.{i}.self_attn.{qkv}_proj.weight",
       Form::split_qkv},
      {"textual.resblocks.{i}.attn.in_proj_bias", "text_model.encoder.layers.{i}.self_attn.{qkv}_proj.bias",
       Form::split_qkv},
      {"textual.resblocks.{i}.attn.out_proj.weight", "text_model.encoder.layers.{i}.self_attn.out_proj.weight"},
      {"textual.resblocks.{i}.attn.out_proj.bias", "text_model.encoder.layers.{i}.self_attn.out_proj.bias"},
      {"textual.resblocks.{i}.ln_1.weight", "text_model.encoder.layers.{i}.layer_norm1.weight"},
      {"textual.resblocks.{i}.ln_1.bias", "text_model.encoder.layers.{i}.layer_norm1.bias"},
      {"textual.resblocks.{i}.mlp.c_fc.weight", "text_model.encoder.layers.{i}.mlp.fc1.weight"},
      {"textual.resblocks.{i}.mlp.c_fc.bias", "text_model.encoder.layers.{i}.mlp.fc1.bias"},
      {"textual.resblocks.{i}.mlp.c_proj.weight", "text_model.encoder.layers.{i}.mlp.fc2.weight"},
      {"textual.resblocks.{i}.mlp.c_proj.bias", "text_model.encoder.layers.{i}.mlp.fc2.bias"},
      {"textual.resblocks.{i}.ln_2.weight", "text_model.encoder.layers.{i}.layer_norm2.weight"},
      {"textual.resblocks.{i}.ln_2.bias", "text_model.encoder.layers.{i}.layer_norm2.bias"},
      {"textual.ln_final.weight", "text_model.final_layer_norm.weight"},
      {"textual.ln_final.bias", "text_model.final_layer_norm.bias"},
      {"visual_proj.weight", "visual_projection.weight"},
      {"textual_proj.weight", "text_projection.weight"},
  };
  return table;
}

}  // namespace cambium::clip
