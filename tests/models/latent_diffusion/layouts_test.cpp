#include "models/latent_diffusion/layouts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "models/latent_diffusion/places.h"

namespace cambium::latent_diffusion {
namespace {

UNetOptions options_of(const UNetStructure& s) {
  UNetOptions o{.block_out_channels = {}, .attention = s.attention, .only_cross_attention = {}, .heads = {}};
  o.layers_per_block = s.layers;
  for (int64_t level = 0; level < s.levels; ++level) {
    o.block_out_channels.push_back(32 * (level + 1));
    o.only_cross_attention.push_back(false);
    o.heads.push_back(8);
  }
  return o;
}

io::StateDict with_names(const std::vector<std::string>& names) {
  io::StateDict state;
  for (const std::string& name : names) state.insert(name, at::zeros({1, 1}));
  return state;
}

// Modules of a U-Net by diffusers' names, one tensor each.
std::vector<std::string> unet_modules(const UNetStructure& s) {
  const UNetOptions options = options_of(s);
  std::vector<std::string> names = {"conv_in.weight", "time_embedding.linear_1.weight",
                                    "time_embedding.linear_2.weight", "conv_norm_out.weight", "conv_out.weight"};
  for (const Place& place : residual_places(options)) {
    for (const char* inner : {".norm1.weight", ".conv1.bias", ".time_emb_proj.weight", ".norm2.weight", ".conv2.bias",
                              ".conv_shortcut.weight"})
      names.push_back(place.name + inner);
  }
  for (const Place& place : attention_places(options)) {
    names.push_back(place.name + ".norm.weight");
    names.push_back(place.name + ".transformer_blocks.0.attn1.to_q.weight");
  }
  for (int64_t level = 0; level + 1 < s.levels; ++level) {
    names.push_back("down_blocks." + std::to_string(level) + ".downsamplers.0.conv.weight");
    names.push_back("up_blocks." + std::to_string(level) + ".upsamplers.0.conv.weight");
  }
  return names;
}

UNetStructure any_structure() {
  UNetStructure s{.levels = *rc::gen::inRange(1, 6), .layers = *rc::gen::inRange(1, 4), .attention = {}};
  for (int64_t level = 0; level < s.levels; ++level) s.attention.push_back(*rc::gen::arbitrary<bool>());
  return s;
}

RC_GTEST_PROP(Layouts, UNetNamesComeBackAndStayApart, ()) {
  const std::vector<std::string> names = unet_modules(any_structure());
  const io::StateDict theirs = unet_to_ldm(with_names(names));
  std::set<std::string> distinct;
  for (const auto& [name, tensor] : theirs.tensors) distinct.insert(name);
  RC_ASSERT(distinct.size() == names.size());
  const io::StateDict ours = unet_from_ldm(theirs);
  for (size_t i = 0; i < names.size(); ++i) RC_ASSERT(ours.tensors[i].first == names[i]);
}

RC_GTEST_PROP(Layouts, StructureIsTheSameByEitherLayout, ()) {
  const UNetStructure wanted = any_structure();
  const io::StateDict ours = with_names(unet_modules(wanted));
  for (const UNetStructure& found : {unet_structure(NameSet(ours)), unet_structure_ldm(NameSet(unet_to_ldm(ours)))}) {
    RC_ASSERT(found.levels == wanted.levels);
    RC_ASSERT(found.layers == wanted.layers);
    RC_ASSERT(found.attention == wanted.attention);
  }
}

TEST(Layouts, TheUpsamplingStandsBehindWhateverTheLevelEndsWith) {
  const NameMap map = unet_names({.attention = {true, true, true, false}});
  EXPECT_EQ(map.to_theirs("up_blocks.0.upsamplers.0.conv.bias"), "output_blocks.2.1.conv.bias");
  EXPECT_EQ(map.to_theirs("up_blocks.1.upsamplers.0.conv.bias"), "output_blocks.5.2.conv.bias");
}

TEST(Layouts, DecoderLevelsAreCountedFromThePictureInwards) {
  const NameMap map = autoencoder_names({});
  EXPECT_EQ(map.to_ours("decoder.up.3.block.0.norm1.weight"), "decoder.up_blocks.0.resnets.0.norm1.weight");
  EXPECT_EQ(map.to_ours("encoder.down.3.block.0.nin_shortcut.bias"),
            "encoder.down_blocks.3.resnets.0.conv_shortcut.bias");
  EXPECT_EQ(map.to_ours("quant_conv.weight"), std::nullopt);  // one name in both
}

TEST(Layouts, TheAutoencodersAttentionIsAViewBetweenConvolutionAndLinear) {
  io::StateDict theirs = with_names({"decoder.up.0.block.0.norm1.weight", "decoder.up.0.block.1.norm1.weight"});
  const at::Tensor kernel = at::arange(9).to(at::kFloat).view({3, 3, 1, 1});
  theirs.insert("decoder.mid.attn_1.q.weight", kernel);
  const io::StateDict ours = autoencoder_from_ldm(theirs);
  const at::Tensor& linear = ours.at("decoder.mid_block.attentions.0.to_q.weight");
  EXPECT_EQ(linear.sizes(), (at::IntArrayRef{3, 3}));
  EXPECT_EQ(linear.data_ptr(), kernel.data_ptr());
  const at::Tensor back = autoencoder_to_ldm(ours).at("decoder.mid.attn_1.q.weight");
  EXPECT_EQ(back.sizes(), kernel.sizes());
  EXPECT_EQ(back.data_ptr(), kernel.data_ptr());
}

TEST(Layouts, OldFoldersNameTheAutoencodersAttentionOtherwise) {
  const io::StateDict ours = autoencoder_from_old_diffusers(
      with_names({"encoder.mid_block.attentions.0.query.weight", "encoder.mid_block.attentions.0.proj_attn.bias",
                  "encoder.mid_block.attentions.0.group_norm.weight", "decoder.mid_block.attentions.0.to_k.weight"}));
  EXPECT_TRUE(ours.contains("encoder.mid_block.attentions.0.to_q.weight"));
  EXPECT_TRUE(ours.contains("encoder.mid_block.attentions.0.to_out.0.bias"));
  EXPECT_TRUE(ours.contains("encoder.mid_block.attentions.0.group_norm.weight"));
  EXPECT_TRUE(ours.contains("decoder.mid_block.attentions.0.to_k.weight"));
}

TEST(Layouts, MotionModules) {
  const NameMap map = motion_names();
  const std::string module = "up_blocks.3.motion_modules.2.";
  EXPECT_EQ(map.to_ours(module + "temporal_transformer.transformer_blocks.0.attention_blocks.1.to_q.weight"),
            module + "transformer_blocks.0.attn2.to_q.weight");
  EXPECT_EQ(map.to_theirs(module + "transformer_blocks.0.norm3.bias"),
            module + "temporal_transformer.transformer_blocks.0.ff_norm.bias");
}

}  // namespace
}  // namespace cambium::latent_diffusion
