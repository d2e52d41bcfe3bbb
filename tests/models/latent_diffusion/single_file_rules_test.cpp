// What single files do not say in so many words: what the U-Net predicts, and what a file is that is none of ours.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "io/pth.h"
#include "io/safetensors.h"
#include "models/latent_diffusion/ldm_file.h"
#include "models/latent_diffusion/prediction_rule.h"
#include "models/latent_diffusion/small_model.h"
#include "models/latent_diffusion/unknown_layout.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"

namespace cambium::latent_diffusion {
namespace {

using test::says;
using test::sentence;
using test_models::Kind;

class PredictionRuleTest : public ::testing::Test {
 protected:
  PredictionRule rule(const std::string& name, Kind kind, const io::StateDict& state = {}) {
    const auto file = folder_.path() / name;
    io::StateDict any;
    any.insert("w", at::ones({1}));
    io::write_safetensors(file, any);
    return prediction_of(file, state, test_models::unet_sizes(kind));
  }
  test::TemporaryDirectory folder_;
};

TEST_F(PredictionRuleTest, ByTheNetwork) {
  EXPECT_EQ(rule("v1-5.safetensors", Kind::sd1).prediction, Prediction::epsilon);
  EXPECT_EQ(rule("x4-upscaler-ema.safetensors", Kind::x4).prediction, Prediction::velocity);
  EXPECT_FALSE(rule("x4-upscaler-ema.safetensors", Kind::x4).guessed);
}

TEST_F(PredictionRuleTest, StableDiffusion2IsAGuessByTheName) {
  EXPECT_EQ(rule("v2-1_768-ema-pruned.safetensors", Kind::sd2).prediction, Prediction::velocity);
  EXPECT_EQ(rule("v2-1_512-ema-pruned.safetensors", Kind::sd2).prediction, Prediction::epsilon);
  EXPECT_EQ(rule("sd2-base.safetensors", Kind::sd2).prediction, Prediction::epsilon);
  EXPECT_TRUE(rule("sd2-base.safetensors", Kind::sd2).guessed);
  UNetOptions inpainting = test_models::unet_sizes(Kind::sd2);
  inpainting.in_channels = 9;
  EXPECT_EQ(prediction_of("x", {}, inpainting).prediction, Prediction::epsilon);
}

TEST_F(PredictionRuleTest, WhatTheFileSaysComesFirst) {
  io::StateDict state;
  state.metadata["modelspec.prediction_type"] = "epsilon";
  EXPECT_EQ(rule("v2-1_768.safetensors", Kind::sd2, state).prediction, Prediction::epsilon);
  state.metadata.clear();
  state.insert("v_pred", at::zeros({0}));
  EXPECT_EQ(rule("v1-5.safetensors", Kind::sd1, state).prediction, Prediction::velocity);
}

void expect_stranger(const char* name, const char* what) {
  io::StateDict state{.source = "file.safetensors"};
  state.insert(name, at::ones({1}));
  EXPECT_TRUE(says(sentence([&] { refuse_layout(state); }), what)) << name;
}

TEST(UnknownLayout, ModelsThatAreKnownAreNamed) {
  expect_stranger("conditioner.embedders.1.model.ln_final.weight", "Stable Diffusion XL");
  expect_stranger("lora_unet_down_blocks_0.lora_up.weight", "is a LoRA");
  expect_stranger("double_blocks.0.img_attn.qkv.weight", "FLUX");
  expect_stranger("control_model.input_hint_block.0.weight", "ControlNet");
  expect_stranger("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight", "AnimateDiff");
}

TEST(UnknownLayout, OthersByWhatTheyAreClosestTo) {
  io::StateDict state{.source = "file.safetensors"};
  state.insert("net.down_blocks.0.resnets.0.norm1.weight", at::ones({1}));
  state.insert("net.mid_block.attentions.0.proj_in.weight", at::ones({1}));
  state.insert("net.conv_first.weight", at::ones({1}));
  const std::string refusal = sentence([&] { refuse_layout(state); });
  EXPECT_TRUE(says(refusal, "the closest is diffusers', which 67% of its names resemble"));
  EXPECT_TRUE(says(refusal, "its 3 tensors"));
  expect_stranger("encoder.layer1.weight", "shares no name");
}

TEST(UnknownLayout, RelativesAreRefusedAndStableDiffusionIsNot) {
  io::StateDict file = join_ldm({.unet = test_models::small_model(Kind::sd1).unet->state});
  EXPECT_NO_THROW(refuse_relatives(file));
  file.insert("model.diffusion_model.input_blocks.1.1.time_stack.0.norm1.weight", at::ones({1}));
  EXPECT_TRUE(says(sentence([&] { refuse_relatives(file); }), "Stable Video Diffusion"));
}

}  // namespace
}  // namespace cambium::latent_diffusion
