#include "models/latent_diffusion/ldm_file.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/sentence.h"

namespace cambium::latent_diffusion {
namespace {

using test::says;
using test::sentence;

constexpr const char* kConvIn = "model.diffusion_model.input_blocks.0.0.weight";
constexpr const char* kConvOut = "model.diffusion_model.out.2.weight";

io::StateDict small_unet() {
  io::StateDict file{.source = "model.ckpt"};
  file.insert(kConvIn, at::full({1, 1, 1, 1}, 1));
  file.insert("model.diffusion_model.input_blocks.1.0.in_layers.0.weight", at::full({1}, 2));
  file.insert(kConvOut, at::full({1, 1, 1, 1}, 3));
  return file;
}

io::StateDict small_text(const std::string& prefix, int64_t blocks) {
  io::StateDict file;
  for (int64_t i = 0; i < blocks; ++i) {
    const std::string block = prefix + "transformer.resblocks." + std::to_string(i) + ".";
    for (const char* name : {"attn.in_proj_weight", "attn.out_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight"})
      file.insert(block + name, at::ones({3, 1}));
    for (const char* name : {"attn.in_proj_bias", "attn.out_proj.bias", "ln_1.weight", "ln_1.bias", "mlp.c_fc.bias",
                             "mlp.c_proj.bias", "ln_2.weight", "ln_2.bias"})
      file.insert(block + name, at::ones({3}));
  }
  for (const char* name : {"ln_final.weight", "ln_final.bias"}) file.insert(prefix + name, at::ones({1}));
  for (const char* name : {"token_embedding.weight", "positional_embedding", "text_projection"})
    file.insert(prefix + name, at::ones({1, 1}));
  file.insert(prefix + "logit_scale", at::ones({}));
  file.insert(prefix + "attn_mask", at::zeros({1, 1}));
  return file;
}

TEST(LdmFile, BuffersAreLeftOutInSilenceAndStrangersByName) {
  io::StateDict file = small_unet();
  for (const char* name :
       {"betas", "alphas_cumprod", "alphas_cumprod_prev", "posterior_variance", "lvlb_weights", "sqrt_alphas_cumprod",
        "log_one_minus_alphas_cumprod", "model_ema.decay", "model_ema.num_updates", "low_scale_model.betas",
        "cond_stage_model.transformer.text_model.embeddings.position_ids"})
    file.insert(name, at::zeros({1}));
  file.insert("embedding_manager.weight", at::zeros({1}));
  const Parts parts = split_ldm(file, /*ema=*/true);
  EXPECT_EQ(parts.unet.tensors.size(), 3u);
  EXPECT_TRUE(parts.unet.contains("down_blocks.0.resnets.0.norm1.weight"));
  EXPECT_TRUE(parts.text.tensors.empty());
  EXPECT_EQ(parts.left_out, std::vector<std::string>{"embedding_manager.weight"});
}

TEST(LdmFile, TheMovingAverageIsTakenWhereItIsWanted) {
  io::StateDict file = small_unet();
  file.insert("model_ema.diffusion_modelinput_blocks00weight", at::full({1, 1, 1, 1}, 10));
  file.insert("model_ema.diffusion_modelinput_blocks10in_layers0weight", at::full({1}, 20));
  file.insert("model_ema.diffusion_modelout2weight", at::full({1, 1, 1, 1}, 30));
  EXPECT_EQ(split_ldm(file, true).unet.at("conv_in.weight").item<float>(), 10);
  EXPECT_EQ(split_ldm(file, true).unet.at("conv_out.weight").item<float>(), 30);
  EXPECT_EQ(split_ldm(file, false).unet.at("conv_in.weight").item<float>(), 1);
}

TEST(LdmFile, HalfAMovingAverageIsRefused) {
  io::StateDict file = small_unet();
  file.insert("model_ema.diffusion_modelinput_blocks00weight", at::full({1, 1, 1, 1}, 10));
  const std::string refusal = sentence([&] { split_ldm(file, true); });
  EXPECT_TRUE(says(refusal, "not whole"));
  EXPECT_TRUE(says(refusal, "model.ckpt"));
  EXPECT_EQ(split_ldm(file, false).unet.at("conv_in.weight").item<float>(), 1);
}

TEST(LdmFile, AnAutoencoderAloneNeedsNoPrefix) {
  for (const std::string prefix : {"", "vae.", "first_stage_model."}) {
    io::StateDict file;
    file.insert(prefix + "encoder.conv_in.weight", at::ones({1}));
    file.insert(prefix + "decoder.up.0.block.0.norm1.weight", at::ones({1}));
    file.insert(prefix + "decoder.up.0.block.1.norm1.weight", at::ones({1}));
    file.insert(prefix + "post_quant_conv.weight", at::ones({1}));
    if (prefix.empty()) file.insert("loss.logvar", at::ones({1}));
    ASSERT_TRUE(is_ldm(file)) << prefix;
    const Parts parts = split_ldm(file, true);
    EXPECT_TRUE(parts.autoencoder.contains("decoder.up_blocks.0.resnets.1.norm1.weight")) << prefix;
    EXPECT_TRUE(parts.autoencoder.contains("post_quant_conv.weight")) << prefix;
    EXPECT_TRUE(parts.left_out.empty()) << prefix;
  }
}

TEST(LdmFile, TheTextEncoderOfStableDiffusion2EndsBeforeItsLastBlock) {
  const std::string prefix = "cond_stage_model.model.";
  const Parts whole = split_ldm(small_text(prefix, 24), true);
  EXPECT_EQ(whole.text_layout, TextLayout::open_clip);
  EXPECT_TRUE(whole.text.contains("textual.resblocks.22.ln_2.bias"));
  EXPECT_FALSE(whole.text.contains("textual.resblocks.23.ln_2.bias"));
  EXPECT_FALSE(whole.text.contains("logit_scale"));
  EXPECT_FALSE(whole.text.contains("textual_proj.weight"));
  // Files made from a folder of diffusers have lost it already.
  EXPECT_TRUE(split_ldm(small_text(prefix, 23), true).text.contains("textual.resblocks.22.ln_2.bias"));
}

TEST(LdmFile, TextEncodersComeBackUnderEitherName) {
  const Parts parts = split_ldm(small_text("cond_stage_model.model.", 2), true);
  for (const TextLayout layout : {TextLayout::clip, TextLayout::open_clip}) {
    const io::StateDict file = join_ldm({.text = parts.text, .text_layout = layout});
    const Parts back = split_ldm(file, true);
    EXPECT_EQ(back.text_layout, layout);
    ASSERT_EQ(back.text.tensors.size(), parts.text.tensors.size());
    for (const auto& [name, tensor] : parts.text.tensors) EXPECT_TRUE(at::equal(back.text.at(name), tensor)) << name;
  }
}

TEST(LdmFile, MergedFilesMayLackTheFirstWordOfTheTextEncodersNames) {
  const Parts parts = split_ldm(small_text("cond_stage_model.model.", 1), true);
  io::StateDict file;
  for (const auto& [name, tensor] : text_to_layout(parts.text, TextLayout::clip).tensors)
    file.insert("cond_stage_model.transformer." + name.substr(std::string("text_model.").size()), tensor);
  EXPECT_EQ(split_ldm(file, true).text.tensors.size(), parts.text.tensors.size());
}

}  // namespace
}  // namespace cambium::latent_diffusion
