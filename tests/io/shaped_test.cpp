#include "io/shaped.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/sentence.h"

namespace cambium::io {
namespace {

StateDict blocks() {
  return {.source = "a.pth",
          .tensors = {{"blocks.0.weight", at::zeros({3, 4})},
                      {"blocks.1.weight", at::zeros({3, 4})},
                      {"blocks.3.weight", at::zeros({3, 4})},
                      {"empty", at::zeros({0, 4})}}};
}

TEST(Shaped, GivesATensorOfTheDimensionsAskedFor) {
  const StateDict state = blocks();
  EXPECT_EQ(shaped(state, "blocks.1.weight", 2).size(1), 4);
  EXPECT_EQ(test::sentence([&] { shaped(state, "blocks.1.weight", 1); }),
            "a.pth: blocks.1.weight: expected a tensor of 1 dimensions, got shape [3, 4]; "
            "see what it holds with cambium inspect");
  EXPECT_NE(test::sentence([&] { shaped(state, "empty", 2); }).find("[0, 4]"), std::string::npos);
  EXPECT_NE(test::sentence([&] { shaped(state, "block.1.weight", 2); }).find("did you mean blocks.1.weight?"),
            std::string::npos);
}

TEST(Shaped, CountsWhatIsNumberedWithoutAGap) {
  const StateDict state = blocks();
  EXPECT_EQ(count(state, "blocks.", ".weight"), 2);
  EXPECT_EQ(test::sentence([&] { count(state, "layers.", ".weight"); }),
            "a.pth: layers.0.weight: there is no such tensor; see what it holds with cambium inspect");
}

TEST(Shaped, WhatItsTensorsImplyIsTheFilesFault) {
  const StateDict state = blocks();
  EXPECT_NO_THROW(validate_inferred(state, [] {}));
  try {
    validate_inferred(state, [] { throw UsageError({.what = "is odd", .field = "width"}); });
    FAIL() << "nothing was thrown";
  } catch (const UsageError&) {
    FAIL() << "the command was blamed";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "a.pth: width: the sizes that its tensors imply make no model: is odd; see what it holds "
                 "with cambium inspect");
  }
}

}  // namespace
}  // namespace cambium::io
