#include "core/glob.h"

#include <gtest/gtest.h>

namespace cambium {
namespace {

TEST(Glob, StarsStandForAnyRun) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("visual.*", "visual.blocks.0.attn.qkv"));
  EXPECT_TRUE(glob_matches("*.attn.*", "visual.blocks.0.attn.qkv"));
  EXPECT_TRUE(glob_matches("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(glob_matches("a**", "a"));
  EXPECT_FALSE(glob_matches("visual", "visual_proj"));
  EXPECT_FALSE(glob_matches("*.attn.*", "visual.blocks.0.mlp.fc1"));
  EXPECT_FALSE(glob_matches("a*b", "a-b-c"));
  EXPECT_FALSE(glob_matches("", "a"));
}

TEST(Glob, OtherCharactersStandForThemselves) {
  EXPECT_FALSE(glob_matches("a.c", "abc"));
  EXPECT_FALSE(glob_matches("a?c", "abc"));
  EXPECT_TRUE(glob_matches_any({"x", "y*"}, "yz"));
  EXPECT_FALSE(glob_matches_any({}, "yz"));
}

}  // namespace
}  // namespace cambium
