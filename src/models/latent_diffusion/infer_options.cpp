#include "models/latent_diffusion/infer_options.h"

#include <algorithm>

#include "core/error.h"
#include "io/shaped.h"
#include "models/clip/weights.h"
#include "models/latent_diffusion/layouts.h"

namespace cambium::latent_diffusion {
namespace {

using io::shaped;

constexpr int64_t kHeads = 8, kHeadWidth = 64;
constexpr double kUpscalerScale = 0.08333;
constexpr int64_t kUpscalerLevels = 3;

std::string level_name(const char* blocks, int64_t level) { return blocks + std::to_string(level); }

// The file is at fault, not the command.
template <class Options>
Options validated(Options options, const io::StateDict& state) {
  try {
    options.validate();
  } catch (const UsageError& e) {
    throw Error({.what = "the sizes that its tensors imply make no model: " + e.info().what,
                 .file = state.source,
                 .field = e.info().field,
                 .mend = "a diffusers folder with config.json says what shapes do not"});
  }
  return options;
}

void require_levels(int64_t levels, int64_t layers, const io::StateDict& state, const char* what) {
  if (levels > 0 && layers > 0) return;
  throw Error({.what = std::string("of its ") + what + " tensors are missing: it has no whole level",
               .file = state.source,
               .mend = "download it again (cambium inspect lists its tensors)"});
}

// Where the first transformer of the way down or of the middle stands; every U-Net has one in the middle.
std::string first_transformer(const UNetOptions& o) {
  const auto level = std::find(o.attention.begin(), o.attention.end(), true);
  return level == o.attention.end() ? "mid_block.attentions.0."
                                    : level_name("down_blocks.", level - o.attention.begin()) + ".attentions.0.";
}

// Whether the first attention of a level's transformers reads the context: its keys are as wide. Where channels and
// context are equally wide it does not, as in the x4 upscaler's last level.
bool reads_context(const io::StateDict& state, int64_t level, int64_t channels) {
  const std::string key = level_name("down_blocks.", level) + ".attentions.0.transformer_blocks.0.attn1.to_k.weight";
  return shaped(state, key, 2).size(1) != channels;
}

}  // namespace

UNetOptions infer_unet(const io::StateDict& state) {
  const NameSet names(state);
  const UNetStructure structure = unet_structure(names);
  require_levels(structure.levels, structure.layers, state, "U-Net's");
  UNetOptions o{.in_channels = shaped(state, "conv_in.weight", 4).size(1),
                .out_channels = shaped(state, "conv_out.weight", 4).size(0),
                .block_out_channels = {},
                .attention = structure.attention,
                .only_cross_attention = {},
                .heads = {},
                .layers_per_block = structure.layers};
  const std::string transformer = first_transformer(o);
  o.transformer_depth = names.count(transformer + "transformer_blocks.", ".");
  o.cross_attention_dim = shaped(state, transformer + "transformer_blocks.0.attn2.to_k.weight", 2).size(1);
  o.linear_projection = state.at(transformer + "proj_in.weight").dim() == 2;
  if (names.contains("class_embedding.weight")) o.class_embeddings = shaped(state, "class_embedding.weight", 2).size(0);
  const bool by_width = o.linear_projection && o.class_embeddings == 0;
  for (int64_t level = 0; level < structure.levels; ++level) {
    const int64_t channels = shaped(state, level_name("down_blocks.", level) + ".resnets.0.conv1.weight", 4).size(0);
    o.block_out_channels.push_back(channels);
    o.only_cross_attention.push_back(o.attention[level] && reads_context(state, level, channels));
    o.heads.push_back(by_width ? std::max<int64_t>(1, channels / kHeadWidth) : kHeads);
  }
  return validated(o, state);
}

AutoencoderOptions infer_autoencoder(const io::StateDict& state) {
  const NameSet names(state);
  const AutoencoderStructure structure = autoencoder_structure(names);
  require_levels(structure.levels, structure.layers, state, "autoencoder's");
  AutoencoderOptions o{.image_channels = shaped(state, "encoder.conv_in.weight", 4).size(1),
                       .latent_channels = shaped(state, "decoder.conv_in.weight", 4).size(1),
                       .block_out_channels = {},
                       .layers_per_block = structure.layers,
                       .middle_attention = names.any_below("decoder.mid_block.attentions.0.")};
  for (int64_t level = 0; level < structure.levels; ++level) {
    const std::string block = level_name("encoder.down_blocks.", level) + ".resnets.0.conv1.weight";
    o.block_out_channels.push_back(shaped(state, block, 4).size(0));
  }
  o.quant_conv = names.contains("quant_conv.weight");
  o.post_quant_conv = names.contains("post_quant_conv.weight");
  if (structure.levels == kUpscalerLevels) o.scaling_factor = kUpscalerScale;
  return validated(o, state);
}

clip::TextTransformerOptions infer_text(const io::StateDict& state, bool open_clip) {
  clip::TextTransformerOptions o = clip::infer_textual(state);
  o.activation = open_clip ? nn::Activation::gelu : nn::Activation::quick_gelu;
  return validated(o, state);
}

}  // namespace cambium::latent_diffusion
