#include "models/latent_diffusion/infer_options.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "models/latent_diffusion/options_metadata.h"
#include "models/latent_diffusion/small_model.h"
#include "support/sentence.h"
#include "support/source_dir.h"

namespace cambium::latent_diffusion {
namespace {

using test_models::state_of;

// The published sizes. Nothing is filled, so that building them costs no memory.
UNetOptions sd2() {
  UNetOptions o;
  o.heads = {5, 10, 20, 20};
  o.cross_attention_dim = 1024;
  o.linear_projection = true;
  return o;
}

UNetOptions x4() {
  UNetOptions o{.in_channels = 7, .block_out_channels = {256, 512, 512, 1024}};
  o.attention = {false, true, true, true};
  o.only_cross_attention = {false, true, true, false};
  o.cross_attention_dim = 1024;
  o.linear_projection = true;
  o.class_embeddings = 1000;
  return o;
}

const nlohmann::json& key_map() {
  static const auto map = nlohmann::json::parse(read_file(test::source_dir() / "tests/golden/video_ldm/key_map.json"));
  return map;
}

// The module has the published names and shapes, and no others.
void expect_published(const io::StateDict& state, const char* model) {
  const auto& entry = key_map().at(model);
  ASSERT_EQ(state.tensors.size(), entry.at("pairs").size());
  EXPECT_EQ(io::count_elements(state.tensors), entry.at("n_params").get<int64_t>());
  for (const auto& pair : entry.at("pairs")) {
    const auto name = pair[1].get<std::string>();
    EXPECT_EQ(state.at(name).sizes().vec(), pair[2].get<std::vector<int64_t>>()) << name;
  }
}

TEST(InferOptions, UNetsOfThePublishedSizes) {
  const std::vector<std::pair<const char*, UNetOptions>> published = {
      {"sd1_unet", UNetOptions{}}, {"sd2_unet", sd2()}, {"x4_unet", x4()}};
  for (const auto& [model, options] : published) {
    const io::StateDict state = state_of(UNet(options));
    expect_published(state, model);
    EXPECT_EQ(unet_config(infer_unet(state)), unet_config(options)) << model;
  }
}

TEST(InferOptions, AutoencodersOfThePublishedSizes) {
  const AutoencoderOptions small{.block_out_channels = {128, 256, 512}, .scaling_factor = 0.08333};
  const std::vector<std::pair<const char*, AutoencoderOptions>> published = {{"sd_vae", AutoencoderOptions{}},
                                                                             {"x4_vae", small}};
  for (const auto& [model, options] : published) {
    const io::StateDict state = state_of(Autoencoder(options));
    expect_published(state, model);
    EXPECT_EQ(autoencoder_config(infer_autoencoder(state)), autoencoder_config(options)) << model;
  }
}

TEST(InferOptions, TextEncodersOfThePublishedSizes) {
  const clip::TextTransformerOptions sd1{
      .width = 768, .layers = 12, .heads = 12, .activation = nn::Activation::quick_gelu};
  const clip::TextTransformerOptions found = infer_text(state_of(clip::TextTransformer(sd1), "textual."), false);
  EXPECT_EQ(found.width, 768);
  EXPECT_EQ(found.layers, 12);
  EXPECT_EQ(found.heads, 12);
  EXPECT_EQ(found.activation, nn::Activation::quick_gelu);
  const clip::TextTransformerOptions sd2{.width = 1024, .layers = 23, .heads = 16};
  EXPECT_EQ(infer_text(state_of(clip::TextTransformer(sd2), "textual."), true).heads, 16);
}

TEST(InferOptions, TornFilesAreRefused) {
  io::StateDict state = state_of(UNet(test_models::unet_sizes(test_models::Kind::sd1)));
  state.source = "torn.safetensors";
  io::StateDict no_levels = state, flat = state;
  std::erase_if(no_levels.tensors, [](const auto& item) { return item.first.starts_with("down_blocks."); });
  EXPECT_TRUE(test::says(test::sentence([&] { infer_unet(no_levels); }), "torn.safetensors"));
  flat.insert("down_blocks.0.resnets.0.conv1.weight", at::ones({32}));
  EXPECT_ANY_THROW(infer_unet(flat));
  flat.insert("down_blocks.0.resnets.0.conv1.weight", at::ones({33, 1, 1, 1}));
  EXPECT_TRUE(test::says(test::sentence([&] { infer_unet(flat); }), "make no model"));
}

}  // namespace
}  // namespace cambium::latent_diffusion
