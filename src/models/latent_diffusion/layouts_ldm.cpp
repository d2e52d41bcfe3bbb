// Names of the original LDM code. Its U-Net numbers the blocks of the way down and of the way up through, its
// autoencoder numbers the decoder's levels from the picture inwards.
#include <array>
#include <utility>

#include "models/latent_diffusion/layouts.h"

namespace cambium::latent_diffusion {
namespace {

using Pairs = std::pair<const char*, const char*>;

constexpr std::array<Pairs, 6> kResidual = {{{"in_layers.0", "norm1"},
                                             {"in_layers.2", "conv1"},
                                             {"emb_layers.1", "time_emb_proj"},
                                             {"out_layers.0", "norm2"},
                                             {"out_layers.3", "conv2"},
                                             {"skip_connection", "conv_shortcut"}}};

constexpr std::array<Pairs, 8> kUNetEnds = {{{"input_blocks.0.0", "conv_in"},
                                             {"time_embed.0", "time_embedding.linear_1"},
                                             {"time_embed.2", "time_embedding.linear_2"},
                                             {"label_emb", "class_embedding"},
                                             {"label_emb.0.0", "add_embedding.linear_1"},  // Stable Video Diffusion
                                             {"label_emb.0.2", "add_embedding.linear_2"},
                                             {"out.0", "conv_norm_out"},
                                             {"out.2", "conv_out"}}};

constexpr std::array<Pairs, 5> kAutoencoderResidual = {{{"norm1", "norm1"},
                                                        {"conv1", "conv1"},
                                                        {"norm2", "norm2"},
                                                        {"conv2", "conv2"},
                                                        {"nin_shortcut", "conv_shortcut"}}};

constexpr std::array<Pairs, 5> kAutoencoderAttention = {
    {{"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj_out", "to_out.0"}}};

std::string at(const std::string& prefix, int64_t i) { return prefix + std::to_string(i); }

void add_residual(NameMap& map, const std::string& theirs, const std::string& ours, bool temporal) {
  const std::string spatial = temporal ? ours + ".spatial_res_block." : ours + ".";
  for (const auto& [their, our] : kResidual) map.add(theirs + "." + their, spatial + our);
  if (!temporal) return;
  for (const auto& [their, our] : kResidual)
    map.add(theirs + ".time_stack." + their, ours + ".temporal_res_block." + our);
  map.add(theirs + ".time_mixer", ours + ".time_mixer");
}

void add_transformer(NameMap& map, const std::string& theirs, const std::string& ours) {
  map.add(theirs, ours);
  map.add(theirs + ".time_stack", ours + ".temporal_transformer_blocks");
  map.add(theirs + ".time_pos_embed.0", ours + ".time_pos_embed.linear_1");
  map.add(theirs + ".time_pos_embed.2", ours + ".time_pos_embed.linear_2");
}

void add_down(NameMap& map, const UNetStructure& s, int64_t level) {
  const std::string ours = at("down_blocks.", level);
  const int64_t first = 1 + level * (s.layers + 1);
  for (int64_t j = 0; j < s.layers; ++j) {
    const std::string theirs = at("input_blocks.", first + j);
    add_residual(map, theirs + ".0", at(ours + ".resnets.", j), s.temporal);
    if (s.attention[level]) add_transformer(map, theirs + ".1", at(ours + ".attentions.", j));
  }
  map.add(at("input_blocks.", first + s.layers) + ".0.op", ours + ".downsamplers.0.conv");
}

void add_up(NameMap& map, const UNetStructure& s, int64_t level) {
  const std::string ours = at("up_blocks.", level);
  const int64_t first = level * (s.layers + 1);
  const bool attention = s.attention[s.levels - 1 - level];
  for (int64_t j = 0; j <= s.layers; ++j) {
    const std::string theirs = at("output_blocks.", first + j);
    add_residual(map, theirs + ".0", at(ours + ".resnets.", j), s.temporal);
    if (attention) add_transformer(map, theirs + ".1", at(ours + ".attentions.", j));
  }
  // The upsampling stands behind the last residual block, or behind the transformer that follows it.
  if (level + 1 < s.levels)
    map.add(at("output_blocks.", first + s.layers) + (attention ? ".2.conv" : ".1.conv"), ours + ".upsamplers.0.conv");
}

void add_autoencoder_residual(NameMap& map, const std::string& theirs, const std::string& ours, bool temporal) {
  const std::string spatial = temporal ? ours + ".spatial_res_block." : ours + ".";
  for (const auto& [their, our] : kAutoencoderResidual) map.add(theirs + "." + their, spatial + our);
  if (!temporal) return;
  for (const auto& [their, our] : kResidual)
    map.add(theirs + ".time_stack." + their, ours + ".temporal_res_block." + our);
  map.add(theirs + ".mix_factor", ours + ".time_mixer.mix_factor");
}

void add_autoencoder_middle(NameMap& map, const std::string& side, bool temporal) {
  for (int64_t j = 0; j < 2; ++j)
    add_autoencoder_residual(map, at(side + ".mid.block_", j + 1), at(side + ".mid_block.resnets.", j), temporal);
  for (const auto& [their, our] : kAutoencoderAttention)
    map.add(side + ".mid.attn_1." + their, side + ".mid_block.attentions.0." + our);
  map.add(side + ".norm_out", side + ".conv_norm_out");
}

bool is_autoencoder_attention(const std::string& ours) {
  return ours.find("mid_block.attentions.0.to_") != std::string::npos && ours.ends_with(".weight");
}

}  // namespace

UNetStructure unet_structure_ldm(const NameSet& names) {
  UNetStructure s{.levels = 1, .layers = 0, .attention = {}, .temporal = names.any_below("middle_block.0.time_stack.")};
  const int64_t blocks = names.count("input_blocks.", ".");
  for (int64_t i = 1; i < blocks; ++i) {
    if (!names.any_below(at("input_blocks.", i) + ".0.op.")) continue;
    if (s.layers == 0) s.layers = i - 1;
    ++s.levels;
  }
  if (s.layers == 0) s.layers = blocks - 1;  // one level: nothing is downsampled
  for (int64_t level = 0; level < s.levels; ++level)
    s.attention.push_back(names.any_below(at("input_blocks.", 1 + level * (s.layers + 1)) + ".1."));
  return s;
}

UNetStructure unet_structure(const NameSet& names) {
  UNetStructure s{.levels = names.count("down_blocks.", ".resnets."),
                  .layers = names.count("down_blocks.0.resnets.", "."),
                  .attention = {},
                  .temporal = names.any_below("mid_block.resnets.0.temporal_res_block.")};
  for (int64_t level = 0; level < s.levels; ++level)
    s.attention.push_back(names.any_below(at("down_blocks.", level) + ".attentions."));
  return s;
}

AutoencoderStructure autoencoder_structure_ldm(const NameSet& names) {
  return {.levels = names.count("decoder.up.", ".block."),
          .layers = names.count("decoder.up.0.block.", ".") - 1,
          .temporal = names.any_below("decoder.mid.block_1.time_stack.")};
}

AutoencoderStructure autoencoder_structure(const NameSet& names) {
  return {.levels = names.count("decoder.up_blocks.", ".resnets."),
          .layers = names.count("decoder.up_blocks.0.resnets.", ".") - 1,
          .temporal = names.any_below("decoder.mid_block.resnets.0.temporal_res_block.")};
}

NameMap unet_names(const UNetStructure& s) {
  NameMap map;
  for (const auto& [theirs, ours] : kUNetEnds) map.add(theirs, ours);
  for (int64_t level = 0; level < s.levels; ++level) {
    add_down(map, s, level);
    add_up(map, s, level);
  }
  add_residual(map, "middle_block.0", "mid_block.resnets.0", s.temporal);
  add_transformer(map, "middle_block.1", "mid_block.attentions.0");
  add_residual(map, "middle_block.2", "mid_block.resnets.1", s.temporal);
  return map;
}

NameMap autoencoder_names(const AutoencoderStructure& s) {
  NameMap map;
  for (int64_t level = 0; level < s.levels; ++level) {
    const std::string down = at("encoder.down.", level), down_blocks = at("encoder.down_blocks.", level);
    for (int64_t j = 0; j < s.layers; ++j)
      add_autoencoder_residual(map, at(down + ".block.", j), at(down_blocks + ".resnets.", j), false);
    map.add(down + ".downsample", down_blocks + ".downsamplers.0");
    const std::string up = at("decoder.up.", s.levels - 1 - level), up_blocks = at("decoder.up_blocks.", level);
    for (int64_t j = 0; j <= s.layers; ++j)
      add_autoencoder_residual(map, at(up + ".block.", j), at(up_blocks + ".resnets.", j), s.temporal);
    map.add(up + ".upsample", up_blocks + ".upsamplers.0");
  }
  add_autoencoder_middle(map, "encoder", false);
  add_autoencoder_middle(map, "decoder", s.temporal);
  map.add("decoder.conv_out.time_mix_conv", "decoder.time_conv_out");
  return map;
}

io::StateDict unet_from_ldm(const io::StateDict& unet) {
  const NameMap map = unet_names(unet_structure_ldm(NameSet(unet)));
  return renamed(unet, [&](const std::string& name) { return map.to_ours(name).value_or(name); });
}

io::StateDict unet_to_ldm(const io::StateDict& unet) {
  const NameMap map = unet_names(unet_structure(NameSet(unet)));
  return renamed(unet, [&](const std::string& name) { return map.to_theirs(name).value_or(name); });
}

io::StateDict autoencoder_from_ldm(const io::StateDict& autoencoder) {
  const NameMap map = autoencoder_names(autoencoder_structure_ldm(NameSet(autoencoder)));
  io::StateDict out = renamed(autoencoder, [&](const std::string& name) { return map.to_ours(name).value_or(name); });
  for (auto& [name, tensor] : out.tensors) {
    if (is_autoencoder_attention(name) && tensor.dim() == 4) tensor = tensor.flatten(1);  // [C, C, 1, 1] -> [C, C]
  }
  return out;
}

io::StateDict autoencoder_to_ldm(const io::StateDict& autoencoder) {
  const NameMap map = autoencoder_names(autoencoder_structure(NameSet(autoencoder)));
  io::StateDict out{.source = autoencoder.source, .metadata = autoencoder.metadata};
  for (const auto& [name, tensor] : autoencoder.tensors) {
    const bool convolution = is_autoencoder_attention(name) && tensor.dim() == 2;
    out.tensors.emplace_back(map.to_theirs(name).value_or(name),
                             convolution ? tensor.unsqueeze(2).unsqueeze(3) : tensor);  // [C, C] -> [C, C, 1, 1]
  }
  return out;
}

}  // namespace cambium::latent_diffusion
