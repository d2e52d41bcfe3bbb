#include "models/latent_diffusion/places.h"

#include "core/error.h"

#include <gtest/gtest.h>

namespace cambium::latent_diffusion {
namespace {

TEST(Places, StableDiffusionHas22ResidualAnd16AttentionPlaces) {
  const UNetOptions options;
  const auto residual = residual_places(options);
  const auto attention = attention_places(options);
  ASSERT_EQ(residual.size(), 22u);
  ASSERT_EQ(attention.size(), 16u);
  EXPECT_EQ(residual.front().name, "down_blocks.0.resnets.0");
  EXPECT_EQ(residual[8].name, "mid_block.resnets.0");
  EXPECT_EQ(residual[9].level, 3);
  EXPECT_EQ(residual.back().name, "up_blocks.3.resnets.2");
  EXPECT_EQ(residual.back().channels, 320);
  EXPECT_EQ(residual.back().level, 0);
  EXPECT_EQ(attention[6].name, "mid_block.attentions.0");
  EXPECT_EQ(attention[7].name, "up_blocks.1.attentions.0");
  EXPECT_EQ(attention[7].channels, 1280);
  EXPECT_EQ(attention[7].level, 2);
}

TEST(Places, LevelsWithoutAttentionHaveResidualBlocksAlone) {
  const UNetOptions options{.block_out_channels = {64, 128},
                            .attention = {false, true},
                            .only_cross_attention = {false, false},
                            .heads = {2, 4},
                            .layers_per_block = 1};
  EXPECT_EQ(residual_places(options).size(), 2u + 2u + 4u);
  const auto attention = attention_places(options);
  ASSERT_EQ(attention.size(), 1u + 1u + 2u);
  EXPECT_EQ(attention[0].name, "down_blocks.1.attentions.0");
  EXPECT_EQ(attention[3].name, "up_blocks.0.attentions.1");
  EXPECT_EQ(attention[3].heads, 4);
}

TEST(UNetOptions, RefusesHeadsThatDoNotDivideTheChannels) {
  UNetOptions options;
  options.heads[1] = 7;
  EXPECT_THROW(options.validate(), UsageError);
}

}  // namespace
}  // namespace cambium::latent_diffusion
