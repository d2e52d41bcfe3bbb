// OpenAI's CLIP archives and open_clip's files (https://github.com/openai/CLIP,
// https://github.com/mlfoundations/open_clip).
#include "models/clip/layouts.h"

namespace cambium::clip {

std::span<const KeyRule> openai_table() {
  static constexpr KeyRule table[] = {
      {"logit_scale", "logit_scale"},
      {"visual.cls_token", "visual.class_embedding", Form::leading_one},
      {"visual.pos_embed", "visual.positional_embedding", Form::leading_one},
      {"visual.patch_embed.proj.weight", "visual.conv1.weight"},
      {"visual.norm_pre.weight", "visual.ln_pre.weight"},
      {"visual.norm_pre.bias", "visual.ln_pre.bias"},
      {"visual.blocks.{i}.norm1.weight", "visual.transformer.resblocks.{i}.ln_1.weight"},
      {"visual.blocks.{i}.norm1.bias", "visual.transformer.resblocks.{i}.ln_1.bias"},
      {"visual.blocks.{i}.attn.qkv.weight", "visual.transformer.resblocks.{i}.attn.in_proj_weight"},
      {"visual.blocks.{i}.attn.qkv.bias", "visual.transformer.resblocks.{i}.attn.in_proj_bias"},
      {"visual.blocks.{i}.attn.proj.weight", "visual.transformer.resblocks.{i}.attn.out_proj.weight"},
      {"visual.blocks.{i}.attn.proj.bias", "visual.transformer.resblocks.{i}.attn.out_proj.bias"},
      {"visual.blocks.{i}.norm2.weight", "visual.transformer.resblocks.{i}.ln_2.weight"},
      {"visual.blocks.{i}.norm2.bias", "visual.transformer.resblocks.{i}.ln_2.bias"},
      {"visual.blocks.{i}.mlp.fc1.weight", "visual.transformer.resblocks.{i}.mlp.c_fc.weight"},
      {"visual.blocks.{i}.mlp.fc1.bias", "visual.transformer.resblocks.{i}.mlp.c_fc.bias"},
      {"visual.blocks.{i}.mlp.fc2.weight", "visual.transformer.resblocks.{i}.mlp.c_proj.weight"},
      {"visual.blocks.{i}.mlp.fc2.bias", "visual.transformer.resblocks.{i}.mlp.c_proj.bias"},
      {"visual.norm.weight", "visual.ln_post.weight"},
      {"visual.norm.bias", "visual.ln_post.bias"},
      {"textual.posit_embed", "positional_embedding"},
      {"textual.token_embed.weight", "token_embedding.weight"},
      {"textual.resblocks.{i}.attn.in_proj_weight", "transformer.resblocks.{i}.attn.in_proj_weight"},
      {"textual.resblocks.{i}.attn.in_proj_bias", "transformer.resblocks.{i}.attn.in_proj_bias"},
      {"textual.resblocks.{i}.attn.out_proj.weight", "transformer.resblocks.{i}.attn.out_proj.weight"},
      {"textual.resblocks.{i}.attn.out_proj.bias", "transformer.resblocks.{i}.attn.out_proj.bias"},
      {"textual.resblocks.{i}.ln_1.weight", "transformer.resblocks.{i}.ln_1.weight"},
      {"textual.resblocks.{i}.ln_1.bias", "transformer.resblocks.{i}.ln_1.bias"},
      {"textual.resblocks.{i}.mlp.c_fc.weight", "transformer.resblocks.{i}.mlp.c_fc.weight"},
      {"textual.resblocks.{i}.mlp.c_fc.bias", "transformer.resblocks.{i}.mlp.c_fc.bias"},
      {"textual.resblocks.{i}.mlp.c_proj.weight", "transformer.resblocks.{i}.mlp.c_proj.weight"},
      {"textual.resblocks.{i}.mlp.c_proj.bias", "transformer.resblocks.{i}.mlp.c_proj.bias"},
      {"textual.resblocks.{i}.ln_2.weight", "transformer.resblocks.{i}.ln_2.weight"},
      {"textual.resblocks.{i}.ln_2.bias", "transformer.resblocks.{i}.ln_2.bias"},
      {"textual.ln_final.weight", "ln_final.weight"},
      {"textual.ln_final.bias", "ln_final.bias"},
      {"visual_proj.weight", "visual.proj", Form::transposed},
      {"textual_proj.weight", "text_projection", Form::transposed},
  };
  return table;
}

}  // namespace cambium::clip
