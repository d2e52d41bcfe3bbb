#include "io/key_pattern.h"

#include <gtest/gtest.h>

namespace cambium::io {
namespace {

using Split = std::pair<std::string, std::string>;

TEST(KeyPattern, TheFirstNumberIsLeftOpen) {
  EXPECT_EQ(split_index("blocks.12.norm1.weight"), Split("blocks.{i}.norm1.weight", "12"));
  EXPECT_EQ(split_index("mlps.3.layers.0.bias"), Split("mlps.{i}.layers.0.bias", "3"));
  EXPECT_EQ(split_index("7"), Split("{i}", "7"));
  for (const char* name : {"conv1.weight", "a.b2.c", "", ".", "a..b"}) EXPECT_EQ(split_index(name), Split(name, ""));
}

TEST(KeyPattern, OnlyTheFirstIsReplaced) {
  EXPECT_EQ(replace_first("a.{i}.b.{i}", kIndex, "4"), "a.4.b.{i}");
  EXPECT_EQ(replace_first("a.b", kIndex, "4"), "a.b");
}

}  // namespace
}  // namespace cambium::io
