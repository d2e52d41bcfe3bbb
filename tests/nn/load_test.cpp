#include "nn/load.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "nn/mlp.h"

namespace cambium::nn {
namespace {

using testing::Test;

struct LoadTest : Test {
  LoadTest() : mlp({.width = 2, .hidden = 3}) {
    state.source = "weights.safetensors";
    state.tensors = {{"fc1.weight", at::rand({3, 2})},
                     {"fc1.bias", at::rand({3})},
                     {"fc2.weight", at::rand({2, 3})},
                     {"fc2.bias", at::rand({2})}};
  }
  std::string error(const LoadOptions& options = {}) {
    try {
      load_state(mlp, state, options);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  Mlp mlp;
  io::StateDict state;
};

TEST_F(LoadTest, TakesTensorsOverWithoutACopy) {
  load_state(mlp, state);
  for (const auto& [name, tensor] : state_tensors(mlp)) {
    EXPECT_EQ(tensor.const_data_ptr(), state.at(name).const_data_ptr()) << name;
    EXPECT_TRUE(tensor.requires_grad());
  }
  EXPECT_EQ(mlp.first()->weight.const_data_ptr(), state.at("fc1.weight").const_data_ptr());
}

TEST_F(LoadTest, CountsAsAChangeOfTheParameter) {
  const auto version = mlp.first()->weight._version();
  load_state(mlp, state);
  EXPECT_GT(mlp.first()->weight._version(), version);
}

TEST_F(LoadTest, ConvertsWeightsOnce) {
  load_state(mlp, state, {.weight_dtype = at::kBFloat16});
  EXPECT_EQ(mlp.first()->weight.scalar_type(), at::kBFloat16);
  EXPECT_EQ(mlp.first()->bias.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(mlp.first()->weight, state.at("fc1.weight").to(at::kBFloat16)));
}

TEST_F(LoadTest, HalfFilesBecomeTheModulesType) {
  state.insert("fc1.weight", state.at("fc1.weight").to(at::kHalf));
  load_state(mlp, state);
  EXPECT_EQ(mlp.first()->weight.scalar_type(), at::kFloat);
}

TEST_F(LoadTest, ErrorListsWhatDiffersAndChangesNothing) {
  const auto* before = mlp.first()->bias.const_data_ptr();
  state.tensors.pop_back();
  state.insert("fc1.weight", at::rand({2, 3}));
  state.insert("head.weight", at::rand({1}));
  const std::string text = error();
  for (const char* part : {"weights.safetensors", "1 missing (fc2.bias [2])", "1 unexpected (head.weight [1])",
                           "1 wrongly shaped (fc1.weight [2, 3] where the model has [3, 2])"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  EXPECT_EQ(mlp.first()->bias.const_data_ptr(), before);
}

TEST_F(LoadTest, ListsOnlyTheFirstFive) {
  for (int i = 0; i < 9; ++i) state.insert("extra." + std::to_string(i), at::rand({1}));
  const std::string text = error();
  EXPECT_NE(text.find("9 unexpected"), std::string::npos) << text;
  EXPECT_NE(text.find("extra.4"), std::string::npos) << text;
  EXPECT_EQ(text.find("extra.5"), std::string::npos) << text;
}

TEST_F(LoadTest, AllowedDifferencesPass) {
  state.tensors.erase(state.tensors.begin());
  state.insert("head.weight", at::rand({1}));
  EXPECT_EQ(error({.may_miss = {"fc1.*"}, .may_have = {"head.*"}}), "");
  EXPECT_NE(error({.may_have = {"head.*"}}), "");
}

TEST_F(LoadTest, RefusesIntegersForFloats) {
  state.insert("fc2.bias", at::zeros({2}, at::kLong));
  EXPECT_NE(error().find("fc2.bias of type Long"), std::string::npos);
}

TEST_F(LoadTest, CastFrozenLeavesTrainedAndVectorsAlone) {
  load_state(mlp, state);
  mlp.first()->weight.set_requires_grad(false);
  mlp.first()->bias.set_requires_grad(false);
  cast_frozen(mlp, at::kBFloat16);
  EXPECT_EQ(mlp.first()->weight.scalar_type(), at::kBFloat16);
  EXPECT_EQ(mlp.first()->bias.scalar_type(), at::kFloat);
  EXPECT_EQ(mlp.second()->weight.scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace cambium::nn
