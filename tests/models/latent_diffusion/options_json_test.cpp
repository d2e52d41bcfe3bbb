#include "models/latent_diffusion/options_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::latent_diffusion {
namespace {

using nlohmann::json;

TEST(UNetOptionsJson, LeavesDiffusersDefaults) {
  const UNetOptions o = unet_options(json::object());
  EXPECT_EQ(o.block_out_channels, UNetOptions{}.block_out_channels);
  EXPECT_EQ(o.attention, (std::vector<bool>{true, true, true, false}));
  EXPECT_EQ(o.heads, (std::vector<int64_t>{8, 8, 8, 8}));
  EXPECT_EQ(o.cross_attention_dim, 1280);
  EXPECT_FALSE(o.linear_projection);
}

TEST(UNetOptionsJson, ReadsTheUpscalersConfig) {
  const UNetOptions o = unet_options(json::parse(R"({
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": 8, "class_embed_type": null,
    "block_out_channels": [256, 512, 512, 1024], "cross_attention_dim": 1024, "in_channels": 7, "out_channels": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "num_class_embeds": 1000, "only_cross_attention": [true, true, true, false], "use_linear_projection": true,
    "norm_eps": 1e-05, "mid_block_scale_factor": 1, "sample_size": 128})"));
  EXPECT_EQ(o.attention, (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ(o.only_cross_attention, (std::vector<bool>{true, true, true, false}));
  EXPECT_EQ(o.class_embeddings, 1000);
  EXPECT_TRUE(o.linear_projection);
  EXPECT_EQ(o.in_channels, 7);
}

TEST(UNetOptionsJson, TheHeadDimIsTheNumberOfHeads) {
  EXPECT_EQ(unet_options({{"attention_head_dim", {5, 10, 20, 20}}}).heads, (std::vector<int64_t>{5, 10, 20, 20}));
  EXPECT_EQ(unet_options({{"attention_head_dim", 8}, {"num_attention_heads", 4}}).heads,
            (std::vector<int64_t>{4, 4, 4, 4}));
}

// One sentence that names the file and the field.
void expect_refused(const json& config, const std::string& field) {
  try {
    unet_options(config, "unet/config.json");
    ADD_FAILURE() << config.dump() << " was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.info().file, "unet/config.json");
    EXPECT_EQ(e.info().field, field);
  }
}

TEST(UNetOptionsJson, RefusesOtherArchitectures) {
  expect_refused({{"addition_embed_type", "text_time"}}, "addition_embed_type");
  expect_refused({{"act_fn", "gelu"}}, "act_fn");
  expect_refused({{"transformer_layers_per_block", {1, 2, 10, 10}}}, "transformer_layers_per_block");
  expect_refused({{"down_block_types", {"DownEncoderBlock2D"}}}, "down_block_types");
  expect_refused({{"up_block_types", {"CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"}}}, "up_block_types");
}

TEST(UNetOptionsJson, RefusesWrongTypesAndLengths) {
  expect_refused({{"in_channels", "four"}}, "in_channels");
  expect_refused({{"attention_head_dim", {8, 8}}}, "attention_head_dim");
  expect_refused({{"attention_head_dim", 7}}, "unet.heads");
  expect_refused(json::array(), "");
}

TEST(AutoencoderOptionsJson, ReadsStableDiffusionsConfig) {
  const AutoencoderOptions o = autoencoder_options(json::parse(R"({
    "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "in_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]})"));
  EXPECT_EQ(o.block_out_channels, AutoencoderOptions{}.block_out_channels);
  EXPECT_EQ(o.layers_per_block, 2);
  EXPECT_EQ(o.scaling_factor, 0.18215);
  EXPECT_TRUE(o.middle_attention && o.quant_conv && o.post_quant_conv);
}

TEST(AutoencoderOptionsJson, TheTemporalDecoderHasNoPostQuantConv) {
  EXPECT_FALSE(autoencoder_options({{"_class_name", "AutoencoderKLTemporalDecoder"}}).post_quant_conv);
  EXPECT_FALSE(autoencoder_options({{"use_post_quant_conv", false}}).post_quant_conv);
}

TEST(AutoencoderOptionsJson, RefusesOtherArchitectures) {
  EXPECT_THROW(autoencoder_options({{"shift_factor", 0.1159}}), Error);
  EXPECT_THROW(autoencoder_options({{"up_block_types", {"AttnUpDecoderBlock2D"}}}), Error);
  EXPECT_THROW(autoencoder_options({{"block_out_channels", {100}}}), Error);
}

}  // namespace
}  // namespace cambium::latent_diffusion
