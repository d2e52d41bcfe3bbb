#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "nn/linear.h"
#include "nn/load.h"

namespace cambium::nn {
namespace {

struct Two : torch::nn::Module {
  Two() {
    first = register_module("first", std::make_shared<Linear>(LinearOptions{.in = 64, .out = 64}));
    second = register_module("second", std::make_shared<Linear>(LinearOptions{.in = 64, .out = 64}));
  }
  at::Tensor forward(const at::Tensor& x) const { return second->forward(first->forward(x)); }
  std::shared_ptr<Linear> first, second;
};

io::StateDict drawn() {
  Two source;
  at::Generator generator = make_generator(1);
  io::StateDict state{.source = "drawn"};
  for (const auto& [name, tensor] : state_tensors(source)) {
    at::Tensor t = tensor.detach();
    state.tensors.emplace_back(name, normal_(t, 0, 0.1, generator));
  }
  return state;
}

TEST(SharePacked, ModelsOnTheSameMemoryKeepOneCopy) {
  const at::NoGradGuard guard;
  const io::StateDict state = drawn();
  Two one, two;
  load_state(one, state);
  load_state(two, state);
  const at::Tensor x = at::ones({8, 64}), expected = one.forward(x);
  share_packed(one, two);
  EXPECT_EQ(two.first->packed_bytes(), one.first->packed_bytes());  // there before two has computed anything
  EXPECT_TRUE(at::equal(two.forward(x), expected));
}

TEST(SharePacked, OtherWeightsAreNotShared) {
  const at::NoGradGuard guard;
  io::StateDict state = drawn();
  Two one, two;
  load_state(one, state);
  for (auto& [name, tensor] : state.tensors) {
    if (name == "second.bias") tensor = tensor + 1;
  }
  load_state(two, state);
  const at::Tensor x = at::ones({8, 64}), before = one.forward(x);
  share_packed(one, two);
  EXPECT_LT((two.forward(x) - before - 1).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(at::equal(one.forward(x), before));
}

}  // namespace
}  // namespace cambium::nn
