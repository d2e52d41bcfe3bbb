#include "models/latent_diffusion/options_metadata.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/clip/foreign_config.h"
#include "models/latent_diffusion/options_json.h"

namespace cambium::latent_diffusion {
namespace {

using nlohmann::json;

// A level's block type for each level.
json block_types(const std::vector<bool>& attention, const char* attending, const char* plain) {
  json types = json::array();
  for (const bool attends : attention) types.push_back(attends ? attending : plain);
  return types;
}

json repeated(const char* type, int64_t levels) {
  return json(std::vector<std::string>(static_cast<size_t>(levels), type));
}

}  // namespace

json unet_config(const UNetOptions& o) {
  std::vector<bool> upwards = o.attention;
  std::reverse(upwards.begin(), upwards.end());
  json config = {{"_class_name", "UNet2DConditionModel"},
                 {"act_fn", "silu"},
                 {"in_channels", o.in_channels},
                 {"out_channels", o.out_channels},
                 {"block_out_channels", o.block_out_channels},
                 {"down_block_types", block_types(o.attention, "CrossAttnDownBlock2D", "DownBlock2D")},
                 {"mid_block_type", "UNetMidBlock2DCrossAttn"},
                 {"up_block_types", block_types(upwards, "CrossAttnUpBlock2D", "UpBlock2D")},
                 {"only_cross_attention", o.only_cross_attention},
                 {"attention_head_dim", o.heads},  // so called there, the number of heads
                 {"layers_per_block", o.layers_per_block},
                 {"transformer_layers_per_block", o.transformer_depth},
                 {"cross_attention_dim", o.cross_attention_dim},
                 {"use_linear_projection", o.linear_projection},
                 {"num_class_embeds", nullptr},
                 {"norm_num_groups", o.norm_groups},
                 {"norm_eps", 1e-5},
                 {"flip_sin_to_cos", true},
                 {"freq_shift", 0}};
  if (o.class_embeddings > 0) config["num_class_embeds"] = o.class_embeddings;
  return config;
}

json autoencoder_config(const AutoencoderOptions& o) {
  return {{"_class_name", "AutoencoderKL"},
          {"act_fn", "silu"},
          {"in_channels", o.image_channels},
          {"out_channels", o.image_channels},
          {"latent_channels", o.latent_channels},
          {"block_out_channels", o.block_out_channels},
          {"down_block_types", repeated("DownEncoderBlock2D", static_cast<int64_t>(o.block_out_channels.size()))},
          {"up_block_types", repeated("UpDecoderBlock2D", static_cast<int64_t>(o.block_out_channels.size()))},
          {"layers_per_block", o.layers_per_block},
          {"norm_num_groups", o.norm_groups},
          {"scaling_factor", o.scaling_factor},
          {"mid_block_add_attention", o.middle_attention},
          {"use_quant_conv", o.quant_conv},
          {"use_post_quant_conv", o.post_quant_conv}};
}

std::string metadata_of(const Weights& weights) {
  json all = {{"scheduler", to_json(weights.scheduler)}};
  if (weights.low_res_scheduler) all["low_res_scheduler"] = to_json(*weights.low_res_scheduler);
  if (weights.unet) all["unet"] = unet_config(weights.unet->options);
  if (weights.autoencoder) all["vae"] = autoencoder_config(weights.autoencoder->options);
  if (weights.text) {
    all["text_encoder"] = clip::hugging_face_text_config(weights.text->options);
    all["pad_token_id"] = weights.text->pad;
  }
  return all.dump();
}

void apply_metadata(const io::StateDict& state, Weights& weights) {
  const auto entry = state.metadata.find(kMetadataKey);
  if (entry == state.metadata.end()) return;
  const json all = json::parse(entry->second, nullptr, /*allow_exceptions=*/false);
  try {
    if (weights.unet && all.contains("unet")) weights.unet->options = unet_options(all["unet"], state.source);
    if (weights.autoencoder && all.contains("vae"))
      weights.autoencoder->options = autoencoder_options(all["vae"], state.source);
    if (weights.text && all.contains("text_encoder")) {
      weights.text->options = clip::hugging_face_text_options(all["text_encoder"], state.source);
      weights.text->pad = all.at("pad_token_id").get<int32_t>();
    }
    weights.scheduler = scheduler_options(all.at("scheduler"));
    if (all.contains("low_res_scheduler")) weights.low_res_scheduler = scheduler_options(all["low_res_scheduler"]);
    weights.prediction_by = "as its metadata says";
  } catch (const json::exception&) {
    throw Error({.what = "the metadata is not what this program writes",
                 .file = state.source,
                 .field = kMetadataKey,
                 .mend = "convert the model again"});
  } catch (const UsageError& e) {  // the file is at fault, not the command
    throw Error({.what = e.info().what, .file = state.source, .field = e.info().field, .mend = e.info().mend});
  }
}

}  // namespace cambium::latent_diffusion
